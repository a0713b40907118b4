"""Where prompts come from: the command line, standard input, and lists (plain text, CSV, JSON lines) in which a line may bring
options of its own. Standard library only.

a red bicycle                                     .txt: one a line; # begins a remark, empty lines are passed over
a blue heart --steps 30 --negative "text, frame"  options as on the command line, behind the prompt

prompt,seed,guidance                              .csv: a header, of which `prompt` is one column; empty cells say nothing
{"prompt": "a red bicycle", "guidance": [2, 4]}   .jsonl: one object a line; a list is several values of one option
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.files import kind_of, parse_json, read_input
from genkit.verbs.txt2img.values import Values, texts_of

LARGEST = 64 << 20  # bytes of a list
OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_TAIL = re.compile(r"(?:^|\s)(?:--(?=[A-Za-z])|-n(?=\s+\d))")


@dataclass(frozen=True)
class Line:
    """One prompt and the options that are its own, by name with `_` between words; a flag's value is `true`. `place` is where
    it stands, for messages, and `file` the list that has it."""

    prompt: str
    options: Values = field(default_factory=dict)
    place: str = ""
    file: Path | None = None

    @property
    def folder(self) -> Path:
        """Where files that it names may lie."""
        return self.file.parent if self.file else Path()


def gather(prompts: Sequence[str], prompt_list: str | None) -> list[Line]:
    """The prompts of a call: those that are given, `-` for standard input, and a list.

    Raises:
        UsageError: a list that cannot be read, or an empty prompt.
    """

    def from_stdin() -> list[Line]:
        if sys.stdin.isatty():
            raise UsageError("standard input is the terminal", "pipe prompts in, one a line: genkit txt2img - < prompts.txt")
        return lines_of(sys.stdin.buffer.read(), "standard input", "")

    if prompt_list == "-" and "-" in prompts:
        raise UsageError("- and --from - both read standard input", "give one of them")
    lines = [line for text in prompts for line in (from_stdin() if text == "-" else lines_of_prompts([text]))]
    if prompt_list is not None:
        lines += from_stdin() if prompt_list == "-" else read_lines(Path(prompt_list))
    return lines


def lines_of_prompts(prompts: Sequence[str]) -> list[Line]:
    """Prompts that stand for themselves, - too.

    Raises:
        UsageError: one without words.
    """
    if not all(text.strip() for text in prompts):
        raise UsageError("a prompt without words", 'such as: genkit txt2img "a red bicycle"')
    return [Line(text.strip(), place=f"prompt {_short(text)}") for text in prompts]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def unquoted(prompts: Sequence[str]) -> list[str]:
    """What to say where several words may have been meant as one prompt."""
    if len(prompts) < 2 or any(len(text.split()) != 1 or text == "-" for text in prompts):
        return []
    whole = " ".join(prompts)
    return [f'{len(prompts)} prompts, {", ".join(prompts)}; for one picture put quotes round it: genkit txt2img "{whole}"']


def read_lines(path: Path) -> list[Line]:
    """Read a list of prompts, by its suffix.

    Raises:
        UsageError: not there, no text, no prompts in it, or a line that cannot be read; names it.
    """
    if path.is_dir():
        raise UsageError(f"--from {path}: is a folder", "give a .txt, .csv or .jsonl file", code="missing-input")
    try:
        data = read_input(path, LARGEST)
    except ValueError as error:
        raise UsageError(f"--from {path}: {error}", "part it into several files") from None
    except FileNotFoundError:
        raise UsageError(f"--from {path}: not found", code="missing-input") from None
    except OSError as error:
        raise UsageError(f"--from {path}: cannot be read: {error.strerror}", "check its permissions") from error
    return [replace(line, file=path) for line in lines_of(data, str(path), path.suffix.lower())]


def lines_of(data: bytes, name: str, suffix: str) -> list[Line]:
    """As `read_lines`, from bytes; without a suffix, JSON lines are known by their first sign.

    Raises:
        UsageError: as `read_lines`.
    """
    if (kind := kind_of(data)) is not None:
        picture = "--like takes over what a picture was made with" if "picture" in kind else "give a .txt, .csv or .jsonl file"
        raise UsageError(f"{name}: is {kind}, and no list of prompts", picture, code="no-text")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{name}, line {number}: is no UTF-8 text", "save it as UTF-8") from None
    if "\0" in text:
        raise UsageError(f"{name}: is binary, and no list of prompts", "give a .txt, .csv or .jsonl file", code="no-text")
    if suffix == ".json":
        raise UsageError(f"{name}: a list of prompts in JSON has one object a line", "call it .jsonl, one object on each line")
    if suffix in (".jsonl", ".ndjson") or (not suffix and re.match(r'\s*\{\s*"', text)):
        lines = list(_json_lines(text, name))
    elif suffix in (".csv", ".tsv"):
        lines = list(_table(text, name, suffix))
    else:
        lines = list(_plain_lines(text, name))
    if not lines:
        raise UsageError(f"{name}: no prompts in it", "write one a line")
    return lines


def _plain_lines(text: str, name: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place = f"{name}, line {number}"
        tail = _TAIL.search(line)
        prompt = line[: tail.start()] if tail else line
        yield _line(prompt, _behind(line[tail.start() :], place) if tail else {}, place)


def _behind(text: str, place: str) -> Values:
    """Options as they are written on a command line."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{place}: {str(error).lower()}", "put quotes round a value in pairs") from None
    options: Values = {}
    while words:
        word = words.pop(0)
        if word != "-n" and not word.startswith("--"):
            raise UsageError(f"{place}: {word!r} stands behind the options", "put quotes round a value of several words")
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            value = words.pop(0) if words and not words[0].startswith("--") else "true"
        _put(options, name, [value], place)
    return options


def _table(text: str, name: str, suffix: str) -> Iterator[Line]:
    head = text.split("\n", 1)[0]
    delimiter = (
        "\t" if suffix == ".tsv" or ("\t" in head and "," not in head) else ";" if "," not in head and ";" in head else ","
    )
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    try:
        for row in rows:
            place = f"{name}, line {rows.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns = [_named(cell.strip().lstrip("-"), place) for cell in row]
                if twice := next((one for one in columns if columns.count(one) > 1), None):
                    raise UsageError(f"{place}: two columns are called {twice}", "name each once")
                if "prompt" not in columns:
                    raise UsageError(
                        f"{place}: no column is called prompt", f"its first line is the header: {','.join(row)[:60]}"
                    )
                continue
            if len(row) > len(columns):
                raise UsageError(
                    f"{place}: {len(row)} cells under {len(columns)} headings", "put quotes round a cell that has commas in it"
                )
            cells = dict(zip(columns, row, strict=False))
            options = {key: [value.strip()] for key, value in cells.items() if key != "prompt" and value.strip()}
            yield _line(cells.get("prompt", ""), options, place)
    except csv.Error as error:
        raise UsageError(f"{name}, line {rows.line_num}: {error}", "see that its quotes are in pairs") from None


def _json_lines(text: str, name: str) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        try:
            found = parse_json(line)
        except ValueError as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise UsageError(f"{place}: is no JSON: {reason}", 'one object a line: {"prompt": "a red bicycle"}') from None
        if not isinstance(found, dict) or not isinstance(found.get("prompt"), str):
            raise UsageError(f"{place}: no prompt", 'one object a line: {"prompt": "a red bicycle"}')
        options: Values = {}
        for key, value in found.items():
            if key != "prompt" and value is not None:
                _put(options, key, _texts(value, f"{place}: {key}"), place)
        yield _line(found["prompt"], options, place)


def _texts(value: Any, place: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, (str, int, float, bool)) for one in values):
        raise UsageError(f"{place}: expected a text, a number, or a list of them")
    return texts_of(values)


def _put(options: Values, name: str, values: list[str], place: str) -> None:
    options.setdefault(_named(name, place), []).extend(values)


def _named(name: str, place: str) -> str:
    if not OPTION.fullmatch(name):
        raise UsageError(f"{place}: {name!r} is no name of an option")
    return name.lower().replace("-", "_")


def _line(prompt: str, options: Values, place: str) -> Line:
    if not prompt.strip():
        raise UsageError(f"{place}: no prompt", "write one, or leave the line out")
    return Line(prompt.strip(), options, place)
