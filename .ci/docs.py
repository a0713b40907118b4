"""Write the generated parts of README.md: the table of models and the table of commands. `--check` fails where they are old."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from genkit.cards import all_cards
from genkit.cli.app import COMMANDS

README = Path(__file__).resolve().parent.parent / "README.md"


def models() -> str:
    rows: list[str] = []
    verbs = [name for name in COMMANDS if all_cards(name)]
    for card in sorted(all_cards(), key=lambda card: (verbs.index(card.task), not card.shipped, card.name)):
        if card.origin == "user":
            continue
        head = f"**`genkit {card.task}`**"
        if head not in rows:
            rows += [
                "",
                head,
                "",
                "| model | for | scale | size | licence | commercial use | hash |",
                "|---|---|---|---|---|---|---|",
            ]
        size = "unknown" if card.size is None else f"{card.size / 1e6:.1f} MB"
        where = "ships with genkit" if card.shipped else size
        use = {True: "yes", False: "no", None: "unclear"}[card.commercial]
        verified = "verified" if card.verified else "not verified"
        scale = f"x{card.params['scale']}" if "scale" in card.params else ""
        rows.append(f"| `{card.name}` | {card.summary} | {scale} | {where} | {card.licence} | {use} | {verified} |")
    return "\n".join([*rows, ""])


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
