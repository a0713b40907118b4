"""`python -m genkit` is `genkit`."""

from genkit.cli.app import run

if __name__ == "__main__":
    run()
