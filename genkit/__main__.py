"""`python -m genkit` is `genkit`."""

import sys

from genkit.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
