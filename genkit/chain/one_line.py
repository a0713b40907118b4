"""Chains in one line, `colorize | upscale -s 2`, and the line of a chain (standard library only)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from genkit.chain.recipe import RUN_OPTIONS, FromUser, Origin, Recipe, Step, nearest, with_names
from genkit.errors import UsageError
from genkit.run import option
from genkit.run.verb import PictureVerb, Verb


def parse_line(text: str) -> Recipe:
    """A chain out of a line: verbs with their options as the command line spells them, `|` between them. Paths are the user's.

    Raises:
        UsageError: it is no such line; says which step and which word.
    """
    reader = shlex.shlex(text, posix=True, punctuation_chars="|")
    reader.whitespace_split, reader.commenters = True, ""
    try:
        words = list(reader)
    except ValueError as error:
        raise UsageError(f"-c: {error} in: {text}", "quote the whole line, and what has spaces in it once more") from None
    groups: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            groups.append([])
        elif set(word) == {"|"}:
            raise UsageError(f"-c: {word} is nothing between steps", "one | is")
        else:
            groups[-1].append(word)
    steps = with_names([_step(number, group) for number, group in enumerate(groups, 1)])
    return Recipe("", steps)


def _step(number: int, words: Sequence[str]) -> Step:
    from genkit import verbs

    if not words:
        raise UsageError(f"-c: step {number} is empty", "a verb stands before and behind each |")
    words = list(words[1:] if words[0] == "genkit" else words)
    name = words.pop(0) if words else ""
    if words and f"{name} {words[0]}" in verbs.COMMANDS:
        name = f"{name} {words.pop(0)}"
    if name not in verbs.VERBS and name not in verbs.COMMANDS:
        raise UsageError(f"-c: step {number}: there is no verb {name!r}", nearest(name, verbs.VERBS), code="unknown-command")
    verb = verbs.find(name)
    return Step("", verb, _values(f"-c: step {number} ({name})", verb, words), None, ("step", number - 1), Origin())


def _values(called: str, verb: type[Verb], words: Sequence[str]) -> dict[str, Any]:
    shared = [each for each in option.declared(verb.run_type) if each.name in RUN_OPTIONS]
    known = [*option.declared(verb), *shared]
    flags = {flag: each for each in known for flag in each.flags if not each.option.argument}
    arguments = [each for each in known if each.option.argument and not issubclass(verb, PictureVerb)]
    values: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--" or not word.startswith("-") or word == "-" or _is_number(word):
            if word == "--":
                continue
            if not arguments:
                hint = "inputs are named behind the line" if issubclass(verb, PictureVerb) else "it takes options alone"
                raise UsageError(f"{called}: {word!r} belongs to no option", hint)
            each = arguments[0]
            values[each.name] = [*values.get(each.name, []), word] if each.several else word
            continue
        flag, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        found = flags.get(flag)
        if found is None:
            if flag in {one for each in option.declared(verb.run_type) for one in each.flags}:
                raise UsageError(f"{called}: {flag} belongs to the whole run", f"genkit run -c '...' {flag}")
            raise UsageError(f"{called}: there is no option {flag}", nearest(flag, flags))
        if found.kind is bool:
            if equals:
                raise UsageError(f"{called}: {flag} takes no value")
            values[found.name] = True
            continue
        if not equals:
            if not rest:
                raise UsageError(f"{called}: {flag}: expected a value after it")
            value = rest.pop(0)
        try:
            one: Any = found.parse(value)
        except UsageError as error:
            raise UsageError(f"{called}: {error.message}", error.hint) from None
        one = FromUser(one) if isinstance(one, str) else one
        values[found.name] = [*values.get(found.name, []), one] if found.several else one
    return values


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def line_of_recipe(recipe: Recipe) -> str | None:
    """The line that is the same chain, None where none is: with branches, parameters, or pictures of other steps."""
    plain = not recipe.branches and not recipe.parameters
    if not plain or any(step.start for step in recipe.steps):
        return None
    if any(isinstance(one, str) and one.startswith("$") for step in recipe.steps for one in step.values.values()):
        return None
    return " | ".join(_words(step) for step in recipe.steps)


def _words(step: Step) -> str:
    known = {each.name: each for each in (*option.declared(step.verb), *option.declared(step.verb.run_type))}
    words = step.verb.name.split(" ")
    last: list[str] = []
    for key, value in step.values.items():
        each = known[key]
        if value is None or value is False or (key == "seed" and value == 0 and issubclass(step.verb, PictureVerb)):
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            text = f"{one:g}" if isinstance(one, float) else str(one)
            if each.option.argument:
                last.append(text)
            else:
                words += [each.flag] if one is True else [each.flag, text]
    return shlex.join([*words, *last])
