"""What `genkit models` says of a model: its facts as data, as lines, and as rows of a table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from genkit.cards import Card, CardFile

SMALL = 100 * 10**6  # bytes


def use(card: Card) -> str:
    return {True: "yes", False: "no", None: "not stated"}[card.commercial]


def mark(card: Card) -> str:
    return "yes" if card.verified else "no"


def ran(card: Card) -> str:
    """The day on which its real files were run by genkit's makers; what ships was."""
    return card.ran or ("ships" if card.shipped else "-")


def what_for(card: Card) -> str:
    """Its line of use, after the name of what has taken its place."""
    return f"(dated, see {card.superseded_by}) {card.summary}" if card.superseded_by else card.summary


def is_small(card: Card) -> bool:
    return card.size is not None and card.size < SMALL


def is_about(card: Card, words: str) -> bool:
    """Whether the card's name, aliases and line of use have all words of a search."""
    text = " ".join((card.name, *card.aliases, card.summary)).lower()
    return all(word in text for word in words.lower().split())


def facts_of(card: Card, full: bool = False) -> dict[str, Any]:
    from genkit import weights

    facts: dict[str, Any] = {"name": card.name, "task": card.task, "summary": card.summary, "state": weights.state(card)}
    facts |= {"bytes": card.size, "licence": card.licence, "commercial": card.commercial, "gated": card.gated}
    facts |= {"verified": card.verified, "origin": card.origin, "family": card.family, "ran": card.ran or None}
    facts["superseded_by"] = card.superseded_by or None
    if not full:
        return facts
    facts |= {"aliases": list(card.aliases), "tasks": list(card.tasks), "paper": card.paper, "source": card.source}
    facts |= {"params": dict(card.params), "limits": dict(card.limits), "dtypes": list(card.dtypes)}
    facts["needs"] = _needs(card)
    facts["options"] = [
        {key: getattr(one, key) for key in ("name", "type", "default", "minimum", "maximum", "choices", "help")}
        for one in card.options
    ]
    facts["files"] = [
        {"role": one.role, "from": _where_from(one), "hash": str(one.hash or ""), "bytes": one.size} for one in card.every_file
    ]
    facts["hub"] = f"{card.hub.repo}@{card.hub.revision}" if card.hub else None
    facts |= {"instead": card.instead, "sample": _sample(card)}
    facts |= {"trained_by": card.trained_by, "data": card.data, "metrics": card.metrics, "card": str(card.toml)}
    return facts


def _sample(card: Card) -> str | None:
    """The path of a picture that shows what it makes, where one came with genkit."""
    from genkit.cli.help import documented

    found = documented(f"pictures/{card.sample}") if card.sample else None
    return None if found is None else str(found)


def _where_from(one: CardFile) -> str | None:
    packages = dict.fromkeys(str(member.package) for member in one.members)
    return ", ".join((*one.urls, *packages)) or one.path


# Passes of the denoiser times its gigabytes times its native pixels (in 512 x 512): up to so much is called that. An order of
# models by their arithmetic, not a measurement.
TIME_CLASSES = ((20, "quick"), (600, "medium"), (3000, "slow"))


def _needs(card: Card) -> dict[str, str]:
    """What a diffusion model takes: disk, memory for its weights in the first of its number formats, and its class of time."""
    from genkit.weights import size_text

    limits, defaults = card.limits, {one.name: one.default for one in card.options}
    if "memory_mb" not in limits:
        return {}
    passes = (defaults.get("steps") or 1) * (2 if (defaults.get("guidance") or 0) > 1 else 1)
    work = passes * limits["memory_mb"] / 1000 * (limits.get("size", 512) / 512) ** 2
    name = next((name for most, name in TIME_CLASSES if work <= most), "very slow")
    return {
        "disk": size_text(limits["disk_mb"] * 10**6),
        "memory": f"{size_text(limits['memory_mb'] * 10**6)} in {card.dtypes[0]}",
        "time": f"{name} ({passes} passes at {limits.get('size', 512)} pixels)",
    }


def described(facts: dict[str, Any]) -> Iterator[str]:
    from genkit.weights import size_text

    yield f"{facts['name']}: {facts['summary']}"
    words = {True: "yes", False: "no", None: "not stated"}
    for key, value in facts.items():
        if key in ("name", "task", "summary", "options", "files") or value in (None, "", [], {}):
            if key == "commercial":
                yield f"  {'commercial':<12} {words[None]}"
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{name} {_short(one)}" for name, one in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        elif isinstance(value, bool):
            value = words[value]
        label, text = ("size", size_text(value)) if key == "bytes" else (key.replace("_", " "), value)
        yield f"  {label:<12} {text}"
    for one in facts["options"]:
        bounds = f" from {one['minimum']} to {one['maximum']}" if one["minimum"] is not None else ""
        bounds += f" of {', '.join(one['choices'])}" if one["choices"] else ""
        yield f"  option       -O {one['name']}={one['default']} ({one['type']}{bounds}) {one['help']}"
    for one in facts["files"]:
        yield f"  file         {one['role']}: {one['from']} ({size_text(one['bytes'])})"
        yield f"               {one['hash'] or 'no hash'}"


def _short(value: Any) -> Any:
    """A number as a table has it, with four digits that count; JSON has all of them."""
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns two spaces apart; on a terminal the last one is cut to its width."""
    rows = [titles, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles) - 1)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in rows:
        line = "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]])
        typer.echo(line if room is None or len(line) <= room else f"{line[: room - 1]}…")
