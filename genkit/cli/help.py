"""Draw `--help` as panels, with the default and unit of every option, without importing Rich.

Rich takes longer to import than the whole of `genkit --help` may take; what help needs of it is a frame, two columns and
three colours. Colours appear on a terminal only, and never where NO_COLOR is set.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

WIDEST = 100  # longer lines are hard to read
LEFT = 30  # a longer name gets a line of its own

BOLD, DIM, NAME, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"
DETAIL = re.compile(r"(\[[^\[\]]*(?:default|required|env var|range|[<>]=)[^\[\]]*\])$")
BRACKETED_DEFAULT = re.compile(r"default: \(([^()]*)\)")

Row = tuple[str, str]


def page_of(name: str) -> Path | None:
    """A page of the documentation (`verbs/upscale`), where it is there."""
    return documented(f"{name}.md")


def documented(name: str) -> Path | None:
    """A file of the documentation in `genkit/_docs` (a wheel) or `docs/` (a checkout), where it is there."""
    package = Path(__file__).resolve().parents[1]
    places = [root / name for root in (package / "_docs", package.parent / "docs")]
    return next((place for place in places if place.is_file()), None)


def width() -> int:
    return max(40, min(WIDEST, shutil.get_terminal_size((80, 24)).columns))


def coloured(stream: Any = None) -> bool:
    stream = stream or sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def command_help(command: Any, ctx: Any) -> str:
    """The help of one command or group: usage, description, then its parameters in their panels."""
    paint = coloured()
    parts = [usage(ctx, command, paint), describe(command.help or "", paint)]
    parts += [panel(title, rows, paint) for title, rows in _grouped(command, ctx).items()]
    if commands := getattr(command, "commands", None):
        rows = [(name, one.get_short_help_str(limit=200)) for name, one in commands.items() if not one.hidden]
        parts.append(panel("Commands", rows, paint))
    if page := page_of(f"verbs/{ctx.command_path.split()[1]}"):
        parts.append(f" Examples, pictures and models: {page}")
    return "\n".join(part for part in parts if part)


def usage(ctx: Any, command: Any, paint: bool) -> str:
    pieces = [command.options_metavar or ""]
    pieces += [_argument_name(one, ctx) for one in command.get_params(ctx) if one.param_type_name == "argument"]
    pieces += [command.subcommand_metavar] if hasattr(command, "subcommand_metavar") else []
    return f"\n {_style('Usage:', BOLD, paint)} {ctx.command_path} {' '.join(pieces)}\n"


def describe(text: str, paint: bool) -> str:
    """Paragraphs, re-wrapped; lines that begin with spaces stay as they are (examples)."""
    lines: list[str] = []
    for block in textwrap.dedent(text).strip().split("\n\n"):
        if block.startswith("  ") or "\n  " in block:
            lines += [f" {line}" for line in block.splitlines()]
        else:
            lines += textwrap.wrap(" ".join(block.split()), width() - 2, initial_indent=" ", subsequent_indent=" ")
        lines.append("")
    return "\n".join(lines) if text.strip() else ""


def panel(title: str, rows: Sequence[Row], paint: bool) -> str:
    """One framed table of (name, text)."""
    inner = width() - 4
    left = min(LEFT, max(len(name) for name, _ in rows))
    top, side, bottom = _frame()
    head = f"{top[0]}{top[1]} {title} "
    lines = [_style(head + top[1] * (inner + 3 - len(head)) + top[2], DIM, paint)]
    edge = _style(side, DIM, paint)
    for name, text in rows:
        for plain, shown in _cells(name, text, left, inner, paint):
            lines.append(f"{edge} {shown}{' ' * (inner - len(plain))} {edge}")
    lines.append(_style(bottom[0] + bottom[1] * (inner + 2) + bottom[2], DIM, paint))
    return "\n".join(lines)


def _grouped(command: Any, ctx: Any) -> Mapping[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for parameter in command.get_params(ctx):
        record = None if getattr(parameter, "hidden", False) else parameter.get_help_record(ctx)
        if record is None:
            continue
        argument = parameter.param_type_name == "argument"
        title = getattr(parameter, "rich_help_panel", None) or ("Arguments" if argument else "Options")
        name = _argument_name(parameter, ctx) if argument else record[0]
        groups.setdefault(title, []).append((name, BRACKETED_DEFAULT.sub(r"default: \1", " ".join(record[1].split()))))
    # `Options` is what belongs to no panel: --help and the like go last.
    if rest := groups.pop("Options", None):
        groups["Options"] = rest
    return groups


def _argument_name(parameter: Any, ctx: Any) -> str:
    return parameter.metavar or parameter.make_metavar(ctx)


def _cells(name: str, text: str, left: int, inner: int, paint: bool) -> Iterable[tuple[str, str]]:
    """Lines of a row, each plain (to measure) and coloured."""
    found = DETAIL.search(text)
    lines = textwrap.wrap(text, max(20, inner - left - 2), break_on_hyphens=False) or [""]
    if len(name) > left:
        yield name[:inner], _style(name[:inner], NAME, paint)
        name = ""
    dim_from = len(text) - len(found.group(1)) if found else len(text)
    position = 0
    for number, line in enumerate(lines):
        first = name if number == 0 else ""
        cut = max(0, min(len(line), dim_from - position))
        position += len(line) + 1
        shown = line[:cut] + (_style(line[cut:], DIM, paint) if cut < len(line) else "")
        gap = " " * (left - len(first) + 2)
        yield first + gap + line, _style(first, NAME, paint) + gap + shown


def _frame() -> tuple[str, str, str]:
    try:
        "╭─╮│╰╯".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "+-+", "|", "+-+"
    return "╭─╮", "│", "╰─╯"


def _style(text: str, style: str, paint: bool) -> str:
    return f"{style}{text}{PLAIN}" if paint and text else text
