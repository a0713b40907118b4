"""What is wrong with a command line that could not be read: typer's errors in our words, each with its way out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_KINDS: dict[Any, str] = {int: "whole number", float: "number"}
_FILE = re.compile(r"-.*\.[A-Za-z][A-Za-z0-9]{1,4}")


def told(error: Any, arguments: Sequence[str]) -> tuple[str, str | None]:
    """Message and way out for one of typer's errors; `arguments` are the words of the line.

    The kinds are known by their names, and what they hold is looked for: typer 0.16 to 0.29 differ in where they keep it.
    """
    words = list(arguments[: list(arguments).index("--")] if "--" in arguments else arguments)
    context = getattr(error, "ctx", None)
    # A word too many or too few is said without a context; the verb is the first word then.
    path = context.command_path if context else f"genkit {words[0]}" if words and not words[0].startswith("-") else "genkit"
    page = f"see {path} --help"
    kind = type(error).__name__
    if kind == "NoSuchOption":
        word = _file_like(words, str(error.option_name))
        if word is not None:
            return f"no such option: {word}", _dashed(word, path)
        text = next((one for one in words if one.startswith("-") and " " in one and str(error.option_name)[-1] in one), None)
        if text is not None:
            return f"no such option: {text}", f'if these are words and no option, put -- before them: {path} -- "{text}"'
        near = sorted(error.possibilities or ())
        return f"no such option: {error.option_name}", f"did you mean {' or '.join(near)}? {page}" if near else page
    if kind == "BadOptionUsage":
        if "does not take a value" in error.message:
            return f"{error.option_name} takes no value", page
        return f"{error.option_name}: expected a value after it", page
    message = error.format_message()
    message = message[:1].lower() + message[1:].rstrip(".")
    if kind == "MissingParameter":
        word = next((one for one in words if one.startswith("-") and Path(one).exists()), None)
        return message, _dashed(word, path) if word else page
    expected = _number(error)
    if kind == "BadParameter" and expected is not None:
        flag = max(error.param.opts, key=len)
        value = _value(error, words)
        return f"{flag}{f' {value}' if value is not None else ''}: expected {expected}", page
    return message, page


def _dashed(word: str, path: str) -> str:
    if path == "genkit":
        return f"to enlarge it: genkit upscale ./{word}"
    return f"if it is a file, write ./{word}, or put -- before it"


def _file_like(words: Sequence[str], option: str) -> str | None:
    """The word in which an unknown option was found, if it is or looks like a file (`-photo.jpg` is read as -p, -h, ...)."""
    letter = option if option.startswith("--") else option[1:]
    for word in words:
        if word.startswith("-") and letter in word and (Path(word).exists() or _FILE.fullmatch(word)):
            return word
    return None


def _number(error: Any) -> str | None:
    """What number the parameter takes, or None where it takes none."""
    parameter = getattr(error, "param", None)
    if parameter is None or not getattr(parameter, "opts", None):
        return None
    if hasattr(parameter, "get_runtime_param"):
        runtime = parameter.get_runtime_param()
        kind = _KINDS.get(getattr(runtime, "annotation", None))
        bounds = getattr(runtime, "parameter_info", None)
    else:
        bounds = getattr(parameter, "type", None)
        name = str(getattr(bounds, "name", ""))
        kind = "whole number" if name.startswith("integer") else "number" if name.startswith("float") else None
    if kind is None:
        return None
    low, high = getattr(bounds, "min", None), getattr(bounds, "max", None)
    if low is not None and high is not None:
        return f"a {kind} from {low:g} to {high:g}"
    if low is not None:
        return f"a {kind} of {low:g} or more"
    return f"a {kind}" if high is None else f"a {kind} of {high:g} or less"


def _value(error: Any, words: Sequence[str]) -> str | None:
    """What was given: as the error's cause knows it, else as it stands on the line."""
    cause: Any = getattr(error, "__cause__", None)
    if hasattr(cause, "errors"):
        return str(cause.errors()[0]["input"])
    found = None
    for place, word in enumerate(words):
        for flag in error.param.opts:
            if word == flag and place + 1 < len(words):
                found = words[place + 1]
            elif word.startswith(f"{flag}=") and flag.startswith("--"):
                found = word.partition("=")[2]
    return found
