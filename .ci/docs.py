"""Write what is made of the declarations, the cards and the events: generated parts of docs/ and README.md, and the stub that
editors complete from. `--check` fails where one is old.

A generated part stands between `<!-- NAME: generated -->` and `<!-- end -->` of a page; pages of models are made whole.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import ran
from stub import stub

from genkit.cards import all_cards
from genkit.cli.app import COMMANDS
from genkit.cli.describing import what_for
from genkit.errors import CODES
from genkit.files import size_text
from genkit.run import option
from genkit.run.events import EVENTS, EXIT_CODES
from genkit.run.verb import Verb
from genkit.verbs import VERBS, commands_of, find

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def commands() -> str:
    """The table of commands, each verb with its page."""
    rows = ["| command | what it does |", "|---|---|"]
    for name, entry in COMMANDS.items():
        shown = f"[`genkit {name}`](docs/verbs/{name}.md)" if name in VERBS else f"`genkit {name}`"
        rows.append(f"| {shown} | {entry.summary} |")
    return "\n".join(rows)


def options(verb: type[Verb]) -> str:
    """The options of a verb by panel, and those of the commands under it."""
    parts = [_panels(verb)]
    for name in commands_of(verb.name):
        further = find(name)
        parts.append(f"## `genkit {name}`\n\n{_help(further)}\n\n{_panels(further)}")
    return "\n\n".join(parts)


def _help(verb: type[Verb]) -> str:
    """A verb's help, with its examples as a block of commands."""
    text, _, examples = (verb.__doc__ or "").partition("\b")
    paragraphs = "\n\n".join(" ".join(block.split()) for block in text.strip().split("\n\n"))
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    return paragraphs + ("\n\n```\n" + "\n".join(lines) + "\n```" if lines else "")


def _panels(verb: type[Verb]) -> str:
    panels: dict[str, list[str]] = {}
    for each in sorted((*option.declared(verb), *option.declared(verb.run_type)), key=option.place):
        facts = each.option
        title = "Arguments" if facts.argument else facts.panel
        spelled = facts.metavar or each.name if facts.argument else _spelled(each)
        panels.setdefault(title, []).append(f"| {_code(spelled)} | {_cell(facts.help)} | {_default(each)} |")
    tables = []
    for title, rows in panels.items():
        tables.append("\n".join([f"### {title}", "", "| option | what it does | default |", "|---|---|---|", *rows]))
    return "\n\n".join(tables)


def _spelled(each: option.Declared) -> str:
    value = "" if each.kind is bool else f" {each.option.metavar or each.kind.__name__.upper()}"
    return f"{', '.join(each.flags)}{value}"


def _default(each: option.Declared) -> str:
    shown = each.option.shown
    if isinstance(shown, str):
        return _cell(shown)
    if shown is False or each.required or each.default in (None, False, ""):
        return ""
    return _code(str(each.default))


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def models(verb: str) -> str:
    """A page: the models of a verb, with licence and hash."""
    cards = sorted((card for card in all_cards(verb) if card.origin != "user"), key=lambda card: (not card.shipped, card.name))
    scaled = any("scale" in card.params for card in cards)
    heads = ("model", "for", *(["scale"] if scaled else []), "size", "licence", "commercial use", "hash")
    lines = [
        f"# Models of `genkit {verb}`",
        "",
        "`genkit models info NAME` says more of each, and what options of its own it has (`-O key=value`).",
        "",
        "| " + " | ".join(heads) + " |",
        "|---" * len(heads) + "|",
    ]
    for card in cards:
        size = size_text(card.size)
        cells = [f"`{card.name}`", what_for(card)]
        cells += [f"x{card.params['scale']}" if "scale" in card.params else ""] if scaled else []
        cells += ["ships with genkit" if card.shipped else size, card.licence]
        cells += [
            {True: "yes", False: "no", None: "unclear"}[card.commercial],
            "verified" if card.verified else "not verified",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def events() -> str:
    rows = ["| event | when | fields |", "|---|---|---|"]
    for name, event in EVENTS.items():
        fields = ", ".join(f"`{field}` ({_json_type(kind)})" for field, kind in event.fields.items())
        rows.append(f"| `{name}` | {event.when} | {fields} |")
    return "\n".join(rows)


def _json_type(kind: str) -> str:
    return f"{kind[:-1]}, may be null" if kind.endswith("?") else kind


def exit_codes() -> str:
    rows = [f"| {code} | {text} |" for code, text in EXIT_CODES.items()]
    return "\n".join(["| exit code | what it says |", "|---|---|", *rows])


def error_codes() -> str:
    return "\n".join(["| code | what it says |", "|---|---|", *(f"| `{code}` | {text} |" for code, text in CODES.items())])


def parts() -> Iterator[tuple[Path, str, Callable[[], str]]]:
    """Every generated part: its page, its name and what makes it."""
    yield ROOT / "README.md", "commands", commands
    yield DOCS / "events.md", "events", events
    yield DOCS / "errors.md", "exit codes", exit_codes
    yield DOCS / "errors.md", "error codes", error_codes
    for name in VERBS:
        yield DOCS / "verbs" / f"{name}.md", "help", lambda verb=find(name): _help(verb)
        yield DOCS / "verbs" / f"{name}.md", "options", lambda verb=find(name): options(verb)


def pages() -> dict[Path, str]:
    """Every file that has something generated, as it should be."""
    made: dict[Path, str] = {}
    for page, name, make in parts():
        text = made.get(page) or page.read_text(encoding="utf-8")
        pattern = re.compile(rf"(<!-- {name}: generated -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{page.relative_to(ROOT)} has no place for the generated {name}")
        made[page] = pattern.sub(lambda found, content=make(): f"{found[1]}{content}\n{found[2]}", text, count=1)
    made |= {DOCS / "models" / f"{name}.md": models(name) for name in VERBS}
    made[DOCS / "models" / "run.md"] = ran.page()
    made[ROOT / "genkit" / "__init__.pyi"] = stub()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where something is out of date")
    checking = parser.parse_args().check
    old = []
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            old.append(str(path.relative_to(ROOT)))
            if not checking:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if checking and old:
        sys.exit(f"out of date: {', '.join(old)}; run python .ci/docs.py")


if __name__ == "__main__":
    main()
