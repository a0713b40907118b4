"""What `genkit txt2img` is asked for: prompts with their options, turned into pictures to draw."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, UsageError
from genkit.verbs.txt2img.checks import refuse_impossible, refuse_unknown_name
from genkit.verbs.txt2img.files import Files, dimensions, flag_of, shown_at, to_float, to_whole
from genkit.verbs.txt2img.options import LISTS, NAMES, SAFETY, SEEDS, TOGETHER, overridden

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.verbs.txt2img.prompt_lists import Line, Values
    from genkit.verbs.txt2img.task import Job, Shown

MOST_PICTURES = 100_000
DENOISE = 0.6
OF_THE_RUN = frozenset(
    {"output", "format", "quality", "name", "overwrite", "resume", "strip_metadata", "sidecar", "model", "accept_licence"}
    | {"device", "dtype", "dry_run", "json", "quiet", "verbose", "debug", "from", "like", "grid", "sheet", "batch_size"}
    | {"offload", "attention", "compile", "cache", "save_steps"}
)


@dataclass(frozen=True)
class Entry:
    """One picture: how it is drawn (`job`), what tells it from its neighbours (`marks`, for its name), and what its recipe
    says: `options`, `files` (option: path) and what stands beside these (`spelling`)."""

    job: Job
    marks: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    spelling: dict[str, tuple[str, str]] = field(default_factory=dict)
    upscale: str | None = None


def gather(arguments: Sequence[str], listed: str | None) -> list[Line]:
    """The prompts of a command line: arguments, `-` for standard input, and a list.

    Raises:
        UsageError: a list that cannot be read, or an empty prompt.
    """
    from genkit.verbs.txt2img.prompt_lists import lines_of, read_lines

    def from_stdin() -> list[Line]:
        if sys.stdin.isatty():
            raise UsageError("standard input is the terminal", "pipe prompts in, one a line: genkit txt2img - < prompts.txt")
        return lines_of(sys.stdin.buffer.read(), "standard input", "")

    if listed == "-" and "-" in arguments:
        raise UsageError("- and --from - both read standard input", "give one of them")
    lines: list[Line] = []
    for text in arguments:
        if text == "-":
            lines += from_stdin()
        else:
            lines += lines_of_prompts([text])
    if listed is not None:
        lines += from_stdin() if listed == "-" else read_lines(Path(listed))
    return lines


def lines_of_prompts(prompts: Sequence[str]) -> list[Line]:
    """Prompts that stand for themselves, - too.

    Raises:
        UsageError: one without words.
    """
    from genkit.verbs.txt2img.prompt_lists import Line

    if not all(one.strip() for one in prompts):
        raise UsageError("a prompt without words", 'such as: genkit txt2img "a red bicycle"')
    return [Line(one.strip(), place=f"prompt {_short(one)}") for one in prompts]


def unquoted(arguments: Sequence[str]) -> str | None:
    """What to say where several words may have been meant as one prompt."""
    if len(arguments) < 2 or any(len(one.split()) != 1 or one == "-" for one in arguments):
        return None
    whole = " ".join(arguments)
    return f'{len(arguments)} prompts, {", ".join(arguments)}; for one picture put quotes round it: genkit txt2img "{whole}"'


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


class Resolver:
    """Turns lines and options into entries. `read` reads a picture by its path, `start` is the seed where none is asked for,
    `extra` goes into every recipe. `native` is the side of the model's own size, where its card tells."""

    def __init__(self, card: Card, read: Callable[[Path], Any], start: int, extra: dict[str, Any]):
        self.card, self.start, self.extra = card, start, extra
        self.known = {option.name: option for option in card.options if option.name not in ("prompt", "safety")}
        size = card.limits.get("size")
        self.native = int(size) if isinstance(size, (int, float)) else None
        self._shown: Callable[[Path], Shown] = lru_cache(maxsize=None)(lambda path: shown_at(path, read))

    def entries(self, line: Line, base: Values) -> list[Entry]:
        """The pictures of one line.

        Raises:
            UsageError: an option that is none, or a value that cannot be; names the line where it is a list's.
        """
        try:
            return self._entries(line, base)
        except GenkitError as error:
            if line.options and line.place not in error.message:
                error.message = f"{line.place}: {error.message}"
            raise

    def _entries(self, line: Line, base: Values) -> list[Entry]:
        from genkit.verbs.txt2img.prompts import expand
        from genkit.verbs.txt2img.task import Job, merged

        for name in line.options:
            self._refuse_unknown(name)
        values = overridden(base, line.options)
        if values.get("denoise") and not values.get("init"):
            raise UsageError("--denoise is for a picture to begin with", "name it: --init photo.jpg")
        if values.get("control_strength") and not values.get("control"):
            raise UsageError("--control-strength is for --control", "name a picture: --control canny:photo.jpg")
        folder = Path(line.place.rpartition(", line ")[0]).parent if line.options else Path()
        files = Files(folder, self._shown)
        init = files.picture("init", _single(values, "init"))
        control = tuple(files.control(text, number) for number, text in enumerate(values.get("control", []), 1))
        loras, named = files.loras(values.get("lora", []))
        vae, named_vae = files.vae(_single(values, "vae"))
        upscale = _single(values, "upscale")
        prompts = expand(line.prompt)
        if not all(map(str.strip, prompts)):
            raise UsageError(f"{line.place}: one of its alternatives is without words", "leave it out, or write some")
        negatives = [one for text in values.get("negative", [""]) for one in expand(text)]
        if any(negatives):
            self._need("negative", next(filter(None, negatives)))
        lists = {name: self._list(name, values[name]) for name in self._listed(values)}
        sizes = lists.pop("size", [None])
        schedulers = lists.pop("scheduler", [None])
        strengths = lists.pop("denoise", [None]) if init is None else lists.pop("denoise", [self._denoise()])
        strength = _number("control_strength", values, 0.0, 2.0)
        defaults = {name: option.default for name, option in self.known.items() if option.default is not None}
        defaults = {name: value for name, value in defaults.items() if name not in ("negative", "denoise")}
        safety = {}
        if values.get(SAFETY, ["false"])[-1] == "true":
            self._need("safety", "no")
            safety = {"safety": False}
        seeds = self._seeds(values)
        count = prod(map(len, (prompts, negatives, sizes, schedulers, strengths, seeds, *lists.values())))
        if count > MOST_PICTURES:
            raise UsageError(f"{count:,} pictures are more than {MOST_PICTURES:,}", "draw them in several runs")
        own_size = self._own_size(init) if None in sizes else None
        found = []
        for prompt, negative, size, scheduler, denoise, *rest, seed in product(
            prompts, negatives, sizes, schedulers, strengths, *lists.values(), seeds
        ):
            own = dict(zip(lists, rest, strict=True))
            job = Job(
                prompt=prompt, seed=seed, negative=negative, size=size or own_size,
                options=merged(defaults | own | safety), init=init, denoise=denoise, control=control,
                control_strength=strength, place=line.place,
            )  # fmt: skip
            setup = replace(job.setup, scheduler=scheduler, loras=loras, vae=vae, controls=tuple(kind for kind, _ in control))
            several = {"negative": negatives, "size": sizes, "scheduler": schedulers, "denoise": strengths} | lists
            chosen = {"negative": negative, "size": size, "scheduler": scheduler, "denoise": denoise} | own
            marks = tuple(_mark(name, chosen[name], several[name]) for name in several if len(several[name]) > 1)
            job = replace(job, setup=setup)
            refuse_impossible(job, self.card)
            options = self._recorded(job, own) | named | named_vae | ({"upscale": upscale} if upscale else {}) | self.extra
            found.append(Entry(job, marks, options, files.files, files.spelling, upscale))
        return found

    def _refuse_unknown(self, name: str) -> None:
        if name in OF_THE_RUN:
            raise UsageError(f"{name} holds for the whole run", f"give it on the command line: --{name.replace('_', '-')}")
        if name not in NAMES and name not in self.known:
            import difflib

            known = [one.replace("_", "-") for one in dict.fromkeys((*NAMES, *self.known))]
            near = difflib.get_close_matches(name.replace("_", "-"), known, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"options of a line: {', '.join(known)}"
            raise UsageError(f"there is no option {name.replace('_', '-')}", hint)

    def _need(self, name: str, text: str) -> Any:
        """The value of one of the model's options, if it has that.

        Raises:
            UsageError: it has not (names models that do), or takes another kind of value.
        """
        from genkit.cli.options import parse_model_options

        flag = "--no-safety-checker" if name == "safety" else f"--{name.replace('_', '-')}"
        try:
            return parse_model_options(self.card, [f"{name}={text}"])[name]
        except UsageError as error:
            error.message = error.message.replace(f"-O {name}={text}", f"{flag} {text}")
            error.message = error.message.replace(f"has no option {name}", f"does not take {flag}")
            raise

    def _listed(self, values: Values) -> list[str]:
        return [name for name in values if name in LISTS or (name in self.known and name not in NAMES)]

    def _list(self, name: str, texts: Sequence[str]) -> list[Any]:
        from genkit.verbs.txt2img.task import parse_size

        words = [one.strip() for text in texts for one in (text.split(",") if name in LISTS else [text])]
        if not all(words):
            raise UsageError(f"--{name} {','.join(texts)}: a value is missing", "such as 2,4,7")
        if name == "size":
            found: list[Any] = [parse_size(one) for one in words]
        elif name == "scheduler":
            from genkit.models.diffusers.schedulers import FLOW, NOISE

            for one in words:
                refuse_unknown_name("--scheduler", one, sorted({*NOISE, *FLOW}))
            found = words
        elif name == "denoise" and name not in self.known:
            found = [to_float("denoise", one, 0.01, 1.0) for one in words]
        else:
            found = [self._need(name, one) for one in words]
        return list(dict.fromkeys(found))

    def _denoise(self) -> float:
        option = self.known.get("denoise")
        return float(option.default) if option is not None and option.default is not None else DENOISE

    def _own_size(self, init: Shown | None) -> tuple[int, int] | None:
        from genkit.verbs.txt2img.task import size_after

        if init is not None:
            return size_after(*dimensions(Path(init.name)), self.native)
        return (self.native, self.native) if self.native else None

    def _seeds(self, values: Values) -> list[int]:
        from genkit.run.lists import parse_seeds

        given = [name for name in SEEDS if name in values]
        if "seeds" in given and len(given) > 1:
            raise UsageError(
                f"--seeds and {flag_of(given[0] if given[0] != 'seeds' else given[1])} both say how many", "give one"
            )
        if "seeds" in values:
            return parse_seeds(",".join(values["seeds"]))
        first = to_whole("--seed", values["seed"][-1], 0, 1 << 62) if "seed" in values else self.start
        count = to_whole("-n", values["n"][-1], 1, MOST_PICTURES) if "n" in values else 1
        return list(range(first, first + count))

    def _recorded(self, job: Job, own: dict[str, Any]) -> dict[str, Any]:
        options = dict(job.options)
        found: dict[str, Any] = {"negative": job.negative} if job.negative else {}
        found |= {name: options[name] for name in ("steps", "guidance") if options.get(name) is not None}
        found |= {"size": f"{job.size[0]}x{job.size[1]}"} if job.size else {}
        found |= {"scheduler": job.setup.scheduler} if job.setup.scheduler else {}
        found |= {"denoise": job.denoise} if job.init is not None else {}
        found |= {"control_strength": job.control_strength} if job.control_strength is not None else {}
        found |= {SAFETY: True} if options.get("safety") is False else {}
        others = {name: value for name, value in own.items() if name not in NAMES}
        return found | ({"model_options": others} if others else {})


def _single(values: Values, name: str) -> str | None:
    texts = values.get(name, [])
    if len(texts) > 1 and name not in TOGETHER:
        raise UsageError(f"{flag_of(name)}: one value, not {len(texts)}")
    return texts[0] if texts else None


def _number(name: str, values: Values, low: float, high: float) -> float | None:
    text = _single(values, name)
    return None if text is None else to_float(name, text, low, high)


def _mark(name: str, value: Any, several: Sequence[Any]) -> str:
    if name == "size":
        return "x".join(map(str, value))
    if name == "negative":
        return f"negative{several.index(value) + 1}"
    word = f"{value:g}" if isinstance(value, float) else str(value)
    return word if name == "scheduler" else f"{name.replace('_', '-')}{word}"
