"""Write the generated parts of README.md: the table of models and the table of commands. `--check` fails where they are old."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from genkit.cards import all_cards
from genkit.cli.app import COMMANDS
from genkit.files import size_text

README = Path(__file__).resolve().parent.parent / "README.md"


def models() -> str:
    """One table for each verb; only super-resolution has scales."""
    lines: list[str] = []
    for verb in COMMANDS:
        cards = sorted(
            (card for card in all_cards(verb) if card.origin != "user"), key=lambda card: (not card.shipped, card.name)
        )
        if not cards:
            continue
        scaled = any("scale" in card.params for card in cards)
        heads = ("model", "for", *(["scale"] if scaled else []), "size", "licence", "commercial use", "hash")
        lines += ["", f"**`genkit {verb}`**", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for card in cards:
            size = "unknown" if card.size is None else size_text(card.size)
            cells = [f"`{card.name}`", card.summary]
            cells += [f"x{card.params['scale']}" if "scale" in card.params else ""] if scaled else []
            cells += ["ships with genkit" if card.shipped else size, card.licence]
            cells += [
                {True: "yes", False: "no", None: "unclear"}[card.commercial],
                "verified" if card.verified else "not verified",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def commands() -> str:
    rows = ["| command | what it does |", "|---|---|"]
    rows += [f"| `genkit {name}` | {entry.summary} |" for name, entry in COMMANDS.items()]
    return "\n".join(rows)


def fill(text: str) -> str:
    for name, make in (("models", models), ("commands", commands)):
        pattern = re.compile(rf"(<!-- {name}: generated -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"README.md has no place for the generated {name}")
        content = make()
        text = pattern.sub(lambda found, content=content: f"{found[1]}{content}\n{found[2]}", text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where README.md is out of date")
    checking = parser.parse_args().check
    old = README.read_text(encoding="utf-8")
    new = fill(old)
    if checking and new != old:
        sys.exit("README.md is out of date: run python .ci/docs.py")
    if not checking:
        README.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
