"""What `genkit tts` is asked to say, as outputs: arguments, files, folders, standard input; one each, one a line, or one."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genkit.errors import InputError, UsageError
from genkit.files import HTML, is_input, kind_of

ROWS = (".csv", ".jsonl")  # each row is an output of its own
TITLE = 60
SLUG = 40  # letters of a name
LONGEST_TEXT = 1 << 16  # letters that a recipe repeats; a longer text is known by its file or its hash


@dataclass(frozen=True)
class Script:
    """One output. `name` is what messages call it, `stem` what its file is called; `text`, `files` and `source` are for its
    recipe (`source`: a text that is too long for one, as the file that it would be); passages with a title become chapters
    where there are several."""

    name: str
    stem: str
    passages: Sequence[Any]
    text: str | Sequence[str] | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    source: Mapping[str, str] | None = None

    @property
    def letters(self) -> int:
        return sum(len(one.text) for one in self.passages)


def read_scripts(texts: Sequence[str], sources: Sequence[str] = (), *, split: bool = False, join: bool = False) -> list[Script]:
    """Everything that is to be said, by outputs, in order.

    Raises:
        UsageError: nothing to say, something named is missing, or a file is given as a text.
    """
    if split and join:
        raise UsageError("--split and --join contradict each other", "leave out one of them")
    if join and "-" in (*texts, *sources):
        raise UsageError("--join cannot take standard input", "give it a file: --from FILE")
    scripts = [_of_stdin() if text == "-" else _of_argument(text) for text in texts]
    for source in sources:
        scripts += [_of_stdin()] if source == "-" else [one for path in files_of(source) for one in _of_file(path, join)]
    if split:
        scripts = [one for script in scripts for one in _lines(script)]
        scripts = [replace(one, stem=f"{number:04}-{one.stem}") for number, one in enumerate(scripts, 1)]
    scripts = [one for one in scripts if any(part.text.strip() for part in one.passages)]
    if not scripts:
        raise UsageError("there is nothing to say", 'genkit tts "Hello there." or genkit tts --from book.txt', code="no-input")
    if join:
        scripts = [_joined(scripts)]
    return _with_own_stems(scripts)


def _of_argument(text: str) -> Script:
    from genkit.text.books.passage import Passage

    try:
        there = Path(text).is_file()
    except (OSError, ValueError):  # longer than any name may be
        there = False
    if there:
        raise UsageError(f"{text} is a file", f"to read it aloud: genkit tts --from {text}", code="file-as-text")
    return _alone(Passage("", text), _short(text), slug(text))


def _of_stdin() -> Script:
    import hashlib

    from genkit.text.books.hypertext import page_of
    from genkit.text.books.passage import Passage, text_of

    if sys.stdin.isatty():
        raise UsageError("standard input is the terminal", "pipe a text in: genkit tts - < text.txt")
    data = sys.stdin.buffer.read()
    try:
        text = page_of(data)[0] if kind_of(data) == HTML else text_of(data, "standard input")
    except InputError as error:
        error.exit_code = 2
        raise
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8 text", "iconv -t utf-8 turns other encodings into it") from error
    known = {"text": text} if len(text) <= LONGEST_TEXT else {}
    digest = {"name": "stdin.txt", "sha256": hashlib.sha256(data).hexdigest()}
    return Script("standard input", slug(text), [Passage("", text)], known.get("text"), source=None if known else digest)


def files_of(source: str) -> list[Path]:
    from genkit.run.inputs import is_junk, natural_key
    from genkit.text.books.passages import KINDS

    path = Path(source)
    if path.is_dir():
        inside = sorted(path.iterdir(), key=lambda one: natural_key(one.name))
        found = [one for one in inside if one.is_file() and not is_junk(one.name) and one.suffix.lower() in KINDS]
        if not found:
            raise UsageError(f"--from {source}: no text in this folder", f"kinds: {', '.join(KINDS)}", code="no-input")
        return found
    if not is_input(path):
        raise UsageError(
            f"--from {source}: {'no regular file' if path.exists() else 'not found'}",
            "a text itself needs no --from",
            code="missing-input",
        )
    return [path]


def _of_file(path: Path, join: bool) -> Iterator[Script]:
    from genkit.text.books.passages import KINDS, kind_by_content, passages

    try:
        kind = path.suffix.lower() if path.suffix.lower() in KINDS else kind_by_content(path)
        parts = list(passages(path, kind=kind))
    except InputError as error:  # named on the command line: the plan cannot start
        error.exit_code = 2
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--from {path}: cannot be read: {reason}", "check the file and its permissions") from error
    if kind in ROWS and not join:
        for one in parts:
            yield _alone(one, f"{path}: {one.id}", slug(one.id) if one.id else slug(one.text))
    else:
        yield Script(str(path), path.stem, parts, files={"from": path})


def _alone(part: Any, name: str, stem: str) -> Script:
    """A passage that is an output of its own: its recipe holds its text, for its file says more than it."""
    import hashlib

    if len(part.text) <= LONGEST_TEXT:
        return Script(name, stem, [part], part.text)
    digest = hashlib.sha256(part.text.encode()).hexdigest()
    return Script(name, stem, [part], source={"name": f"{stem}.txt", "sha256": digest})


def _lines(script: Script) -> Iterator[Script]:
    """A script's lines; chapters, rows and subtitles stay whole."""
    from genkit.text.books.passage import Passage

    whole = len(script.passages) > 1 or any(one.title for one in script.passages)
    for part in script.passages:
        if whole:
            untimed = replace(part, start=None, end=None)
            yield _alone(untimed, f"{script.name}: {part.title or part.id}", slug(part.title or part.text))
            continue
        for number, line in enumerate(part.text.splitlines(), 1):
            if any(map(str.isalnum, line)):  # a line of dots or dashes parts others, and is none to say
                yield _alone(Passage(str(number), line.strip()), f"{script.name}: line {number}", slug(line))


def _joined(scripts: Sequence[Script]) -> Script:
    parts = []
    for script in scripts:
        named = Path(script.name).stem if script.files else None
        for part in script.passages:
            title = part.title or (named if len(script.passages) == 1 and named else _short(part.text))
            parts.append(replace(part, title=title, start=None, end=None))
    files = [path for one in scripts for path in one.files.values()]
    texts = [one.text for one in scripts if isinstance(one.text, str)]
    if sum(map(len, texts)) > LONGEST_TEXT:
        raise UsageError(
            f"--join: {sum(map(len, texts)):,} letters of arguments are more than an output can say of how it was made",
            "put them into a file: --from FILE --join",
        )
    named_files = {"from" if number == 1 else f"from_{number}": path for number, path in enumerate(files, 1)}
    return Script(scripts[0].name, scripts[0].stem, parts, texts or None, named_files)


def _with_own_stems(scripts: Sequence[Script]) -> list[Script]:
    """Different texts may begin alike: the second gets a 2."""
    taken = {one.stem for one in scripts}
    seen: dict[str, int] = {}
    found = []
    for one in scripts:
        number = seen.get(one.stem, 0) + 1
        while number > 1 and f"{one.stem}-{number}" in taken:
            number += 1
        seen[one.stem] = number
        found.append(one if number == 1 else replace(one, stem=f"{one.stem}-{number}"))
    return found


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= TITLE else plain[: TITLE - 1].rstrip() + "…"


def slug(text: str) -> str:
    """A short name for a text: its first words in small letters of any script, joined by hyphens."""
    from genkit.text.scripts import LETTER

    plain = (
        unicodedata.normalize("NFC", re.sub(r"<[^<>]*>|\[\[[^\[\]]*\]\]", " ", text))
        .casefold()
        .replace("'", "")
        .replace("’", "")
    )
    name = ""
    for word in re.findall(rf"(?:\d|{LETTER})+", plain):
        if name and len(name) + 1 + len(word) > SLUG:
            break
        name = f"{name}-{word}" if name else word[:SLUG]
    return name or "speech"
