"""The verbs as Python functions: made of the same declarations as the commands, with the same options and defaults.

genkit.upscale("photo.jpg", scale=2)                    a Pillow picture; an array in gives an array out
genkit.upscale("photo.jpg", "large/photo.jpg", scale=2) a file, the very one that the command writes
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.media.film.names import is_film_input
from genkit.python.listener import Listener
from genkit.python.models import Model
from genkit.run import call as calls
from genkit.run import callers, option, session
from genkit.run.film_options import FilmOptions
from genkit.run.verb import Context, DrawingVerb, PictureVerb, SpeechVerb, Verb

if TYPE_CHECKING:
    from genkit.models.shapes import Model as LoadedModel
    from genkit.run.drawn import Outputs

# Options of the command that Python has no use for, beside those that a declaration calls `terminal`: the inputs are the first
# argument, and the output the second.
OF_PLACES = ("paths", "output")


def first_of(verb: type[Verb]) -> str:
    """What the first argument of a verb's function is called."""
    return "image" if issubclass(verb, PictureVerb) else verb.first


def parameters_of(verb: type[Verb]) -> list[option.Declared]:
    """The options that a verb has in Python, its first argument apart."""
    every = (*option.declared(verb), *option.declared(verb.run_type))
    return [each for each in every if not each.option.terminal and each.name not in (*OF_PLACES, first_of(verb))]


def function_of(verb: type[Verb]) -> Callable[..., Any]:
    """A verb as a function."""
    first = first_of(verb)
    declared = {each.name: each for each in option.declared(verb)}
    start = declared[first].default if first in declared else inspect.Parameter.empty
    start = inspect.Parameter.empty if start is option.REQUIRED or first in ("prompts", "texts") else start
    names = [
        inspect.Parameter(first, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=start),
        inspect.Parameter("output", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None),
        *(inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default) for each in parameters_of(verb)),
        inspect.Parameter("events", inspect.Parameter.KEYWORD_ONLY, default=None),
    ]

    def function(*places: Any, **values: Any) -> Any:
        if len(places) > 2:
            raise TypeError(f"{verb.name}() takes 2 positional arguments but {len(places)} were given")
        values = dict(zip((first, "output"), places, strict=False)) | values
        for old in _former(verb, first):
            if old in values:
                values[first] = values.pop(old)
        if first not in values:
            if start is inspect.Parameter.empty:
                raise TypeError(f"{verb.name}() missing 1 required argument: {first!r}")
            values[first] = start
        return Request(verb, values.pop(first), values).answer()

    function.__name__ = function.__qualname__ = verb.name.replace(" ", "_")
    function.__doc__ = doc_of(verb)
    function.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    return function


def _former(verb: type[Verb], first: str) -> tuple[str, ...]:
    return next((each.option.former for each in option.declared(verb) if each.name == first), ())


def doc_of(verb: type[Verb]) -> str:
    """A verb's help, as its function's docstring."""
    text = inspect.cleandoc(verb.__doc__ or "").partition("\b")[0].strip()
    lines = [f"{each.name}: {each.option.help}" for each in parameters_of(verb) if each.option.help]
    raises = ["Raises:", "    GenkitError: its kind says what failed (`genkit.UsageError`, ...)."]
    return "\n".join([text, "", *lines, "", *raises])


class Request:
    """One call of a verb's function."""

    def __init__(self, verb: type[Verb], first: Any, values: Mapping[str, Any]):
        values = dict(values)
        self.first = first
        self.output = values.pop("output", None)
        self.reporter = Listener(values.pop("events", None))
        self.files = ExitStack()
        model = values.pop("model", None)
        values = _with_model_options(verb, values)
        if isinstance(model, Model):
            values |= {"model": model.reference, "device": model.device_name, "dtype": model.dtype_name}
        elif model is not None:
            values["model"] = str(model)
        self.model = model if isinstance(model, Model) else None
        self.values = self._in_files(verb, values)
        self.data: bytes | None = None
        if issubclass(verb, PictureVerb):
            if callers.is_path(first):
                self.values["paths"] = [unmistakable(Path(first))]
            else:
                self.data = callers.as_bytes(first)
                self.values["paths"] = ["-"]
        else:
            if "-" in ([first] if isinstance(first, str) else first if isinstance(first, (list, tuple)) else ()):
                raise UsageError("- is standard input, which is the command's alone", "give the text itself")
            self.values[verb.first] = first
        if self.output is not None:
            self.values["output"] = str(self.output)
        self.call = calls.from_values(verb, self.values)

    def _in_files(self, verb: type[Verb], values: dict[str, Any]) -> dict[str, Any]:
        """Pictures in memory that options take as files: each in a file for as long as the call lasts."""
        for each in option.declared(verb):
            value = values.get(each.name, values.get(next(iter(each.option.former), each.name)))
            content = each.option.content  # what such a file would hold, as the verb itself takes it
            if not each.option.file or value is None or (content is not None and isinstance(value, content)):
                continue
            name = each.name if each.name in values else each.option.former[0]
            several = isinstance(value, (list, tuple))
            paths = [self._in_file(one) for one in (value if several else [value])]
            values[name] = paths if each.several else paths[0]
        return values

    def _in_file(self, value: Any) -> Any:
        if callers.is_path(value):
            return value
        import tempfile

        data = callers.as_bytes(value)
        path = Path(self.files.enter_context(tempfile.TemporaryDirectory()), callers.name_of(data))
        path.write_bytes(data)
        return path

    def answer(self) -> Any:
        with self.files:
            context = self.call.verb.context(self.call.run)
            if self.output is not None:
                return self._written(context)
            verb = self.call.verb
            if isinstance(verb, PictureVerb):
                return self._picture(verb, context)
            from genkit.run.work import load

            context = calls.obtained(verb, context, self.reporter)
            _, model = load(context, session.DEFAULT, self.reporter)
            if isinstance(verb, DrawingVerb):
                return self._drawn(verb, context, model)
            if isinstance(verb, SpeechVerb):
                return verb.in_memory(model, context, self.reporter)
            return self._written(context)

    def _written(self, context: Context) -> Any:
        """What the command does; the path of the output, or of each of several."""
        outcome = calls.carry_out(self.call, self.reporter, context=context, data=self.data)
        counts = outcome.counts
        if counts is not None and counts.interrupted:
            raise KeyboardInterrupt
        if counts is not None and counts.errors:
            raise counts.errors[0]
        paths = [item.target for item in outcome.plan.items if item.target is not None]
        return paths[0] if len(paths) == 1 and not _is_several(self.first) else paths

    def _picture(self, verb: PictureVerb, context: Context) -> Any:
        from genkit.media.pictures import headers, images
        from genkit.run.item import Item
        from genkit.run.steps import Steps
        from genkit.run.work import load, naming

        source: Any = Path(self.first) if self.data is None else self.data
        if self.data is None and isinstance(context.run, FilmOptions) and is_film_input(source):
            raise UsageError(
                f"{source}: is a film, and its result a file", f'give an output: genkit.{verb.name}("{source}", "out.mp4")'
            )
        name = str(self.first) if self.data is None else callers.NO_FILE
        facts = headers.probe(source) if self.data is None else headers.read_header(source, name)
        if (choice := verb.choose(context, facts)) is not None:
            context = replace(context, card=choice.card)
        context = calls.obtained(verb, context, self.reporter)
        _, model = load(context, session.DEFAULT, self.reporter)
        item = Item(0, name, None, None, "PNG")
        picture = images.read(source, max_pixels=context.settings.max_pixels, name=name)
        results = []
        for number in range(verb.variants(context) or 1):
            seed = context.seed + number
            steps = Steps(item, {}, context.run, context.settings, self.reporter) if verb.works else None
            own = context.of_input(self._partners(context), seed, self.reporter.say, steps)
            with naming(item):
                results.append(callers.give_back(verb.apply(model, picture, own), self.first))
        return results if verb.variants(context) not in (None, 1) else results[0]

    def _partners(self, context: Context) -> dict[str, Path | None]:
        from genkit.run.inputs import Found
        from genkit.run.pairing import pair

        if not context.folders:
            return {}
        found = (
            Found(Path(self.first), Path(Path(self.first).name)) if self.data is None else Found(None, Path(callers.NO_FILE))
        )
        return {name: pair(name, folder, [found]).partners.get(found) for name, folder in context.folders.items()}

    def _drawn(self, verb: DrawingVerb, context: Context, model: LoadedModel) -> Any:
        """Pictures in memory, in the order of the plan."""
        wanted: Outputs = verb.outputs(context)
        for note in wanted.notes:
            self.reporter.say(note)
        model = wanted.ready(model, session.DEFAULT, self.reporter)
        size = max(1, wanted.batch(model))
        jobs = list(wanted.outputs)
        samples: list[Any] = []
        while len(samples) < len(jobs):
            rest = jobs[len(samples) :]
            together = 1 if rest[0].alone else next((k for k, each in enumerate(rest) if each.alone or k == size), len(rest))
            samples += wanted.draw(model, [each.job for each in rest[:together]], self.reporter.say, None)
        results = [callers.give_back(each.result, None) if hasattr(each.result, "pixels") else each.result for each in samples]
        return results[0] if len(results) == 1 and not _is_several(self.first) else results


def _with_model_options(verb: type[Verb], values: dict[str, Any]) -> dict[str, Any]:
    """The model's options as `-O` takes them: from `model_options`, and from keywords that are no options of the verb."""
    every = (*option.declared(verb), *option.declared(verb.run_type))
    known = {each.name for each in every} | {old for each in every for old in each.option.former} | {"options"}
    own = dict(values.pop("model_options", None) or {}) | dict(values.pop("options", None) or {})
    own |= {name: values.pop(name) for name in list(values) if name not in known}
    if own:
        values["model_options"] = [f"{name}={_text(value)}" for name, value in own.items()]
    return values


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_several(first: Any) -> bool:
    return isinstance(first, Iterable) and isinstance(first, (Sequence, range)) and not isinstance(first, (str, bytes))


def unmistakable(path: Path) -> str:
    """A path that nothing takes for a list, an option or standard input."""
    text = str(path)
    return f"./{text}" if text.startswith(("-", "@")) else text
