"""A line of a list with its options, turned into the pictures that it asks for: every combination, each checked by the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, UsageError
from genkit.models.shapes.draw import DENOISE
from genkit.run import ability, pipelines
from genkit.run.lists import parse_seeds
from genkit.verbs.txt2img.files import Files, to_float
from genkit.verbs.txt2img.job import LARGEST_SEED, Job, ReferenceImage, Setup, merged, parse_size, size_after
from genkit.verbs.txt2img.prompts import expand, has_weights
from genkit.verbs.txt2img.values import Values, is_on, of_the_run, overridden, per_line, seed_options, spelling_of

if TYPE_CHECKING:
    from genkit.run.verb import Context
    from genkit.verbs.txt2img.prompt_lists import Line

MOST_PICTURES = 100_000


@dataclass(frozen=True)
class Planned:
    """One picture: how it is drawn (`job`), what tells it from its neighbours (`marks`, for its name), and what its recipe
    says: `options`, `files` (option: path) and what stands beside these (`spelling`)."""

    job: Job
    marks: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    spelling: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    upscale: str | None = None


class Resolver:
    """`start` is the seed where none is asked for, `recorded` goes into every recipe. `own` are the options of the model that a
    line may bring, `native` is the side of its own size, where its card tells."""

    def __init__(self, context: Context, start: int, recorded: Mapping[str, Any]):
        self.context, self.card, self.start, self.recorded = context, context.card, start, recorded
        negated = {each.key for each in per_line().values() if each.option.negates}
        self.own = {each.name: each for each in self.card.options if each.name != "prompt" and each.name not in negated}
        size = self.card.limits.get("size")
        self.native = int(size) if isinstance(size, (int, float)) else None

    def resolve(self, line: Line, base: Values) -> list[Planned]:
        """The pictures of one line.

        Raises:
            UsageError: an option that is none, or a value that cannot be; names the line where it is a list's.
        """
        try:
            return self._resolve(line, base)
        except GenkitError as error:
            if line.options and line.place not in error.message:
                error.message = f"{line.place}: {error.message}"
            raise

    def _resolve(self, line: Line, base: Values) -> list[Planned]:
        for name in line.options:
            self._refuse_unknown(name)
        values = overridden(base, line.options)
        self._refuse_lacking(values)
        files = Files(line.folder, partial(self.context.read_picture, called="the picture"))
        init = files.image("init", _single(values, "init"))
        control = tuple(files.control(text, number) for number, text in enumerate(values.get("control", []), 1))
        loras, named = files.loras(values.get("lora", []))
        vae, named_vae = files.vae(_single(values, "vae"))
        strength = _single(values, "control_strength")
        upscale = _single(values, "upscale")

        prompts = expand(line.prompt)
        if not all(map(str.strip, prompts)):
            raise UsageError(f"{line.place}: one of its alternatives is without words", "leave it out, or write some")
        negatives = [each for text in values.get("negative", [""]) for each in expand(text)]
        if any(negatives):
            self._model_value("negative", next(filter(None, negatives)))
        lists = {name: self._list(name, texts) for name, texts in values.items() if self._is_listed(name)}
        several = {"negative": negatives} | {
            name: lists.pop(name, [default])
            for name, default in (("size", None), ("scheduler", None), ("denoise", None if init is None else self._denoise()))
        }
        seeds = self._seeds(values)
        several |= lists
        count = prod(map(len, (prompts, seeds, *several.values())))
        if count > MOST_PICTURES:
            raise UsageError(f"{count:,} pictures are more than {MOST_PICTURES:,}", "draw them in several runs")

        fixed = self._fixed(values)
        own_size = self._own_size(init) if None in several["size"] else None
        planned = []
        for prompt, *combination, seed in product(prompts, *several.values(), seeds):
            chosen = dict(zip(several, combination, strict=True))
            own = {name: chosen[name] for name in lists}
            job = Job(
                prompt=prompt,
                seed=seed,
                negative=chosen["negative"],
                size=chosen["size"] or own_size,
                options=merged(fixed | own),
                init=init,
                denoise=chosen["denoise"],
                control=control,
                control_strength=None if strength is None else per_line()["control_strength"].parse(strength),
                setup=Setup(chosen["scheduler"], loras, vae, tuple(kind for kind, _ in control)),
                place=line.place,
            )
            self._refuse_impossible(job)
            marks = tuple(_mark(name, chosen[name], several[name]) for name in several if len(several[name]) > 1)
            options = (
                self._recorded(job, own) | named | named_vae | ({"upscale": upscale} if upscale else {}) | dict(self.recorded)
            )
            planned.append(Planned(job, marks, options, files.files, files.spelling, upscale))
        return planned

    # --- what cannot be -----------------------------------------------------------------------------------------------

    def _refuse_unknown(self, name: str) -> None:
        if name in of_the_run():
            raise UsageError(f"{name} holds for the whole run", f"give it on the command line: {of_the_run()[name].flag}")
        if name not in per_line() and name not in self.own:
            import difflib

            known = [each.replace("_", "-") for each in dict.fromkeys((*per_line(), *self.own))]
            near = difflib.get_close_matches(name.replace("_", "-"), known, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"options of a line: {', '.join(known)}"
            raise UsageError(f"there is no option {name.replace('_', '-')}", hint)

    def _refuse_lacking(self, values: Values) -> None:
        """Refuse options that the model cannot honour, or that say something of others which are not there."""
        if values.get("denoise") and not values.get("init"):
            raise UsageError("--denoise is for a picture to begin with", "name it: --init photo.jpg")
        if values.get("control_strength") and not values.get("control"):
            raise UsageError("--control-strength is for --control", "name a picture: --control canny:photo.jpg")
        for name in values:
            each = per_line().get(name)
            if each is not None and each.option.needs:
                ability.need(self.card, each.option.needs, each.flag, verb="txt2img")
        if values.get("control") and values.get("init"):
            ability.need(self.card, "control_init", "--init and --control", verb="txt2img")

    def _refuse_impossible(self, job: Job) -> None:
        if job.init is not None and job.steps and int(job.steps * (job.denoise or 1)) < 1:
            raise UsageError(
                f"{job.steps} {'step' if job.steps == 1 else 'steps'} at denoise {job.denoise:g} are less than one step",
                "more --steps or more --denoise",
            )
        if job.negative:
            pipelines.refuse_unheard(self.card, job.negative, dict(job.options).get("guidance"))
        if "weights" not in self.card.can and any(map(has_weights, (job.prompt, job.negative))):
            raise UsageError(
                f"{job.place}: {self.card.name} takes no weights such as (words:1.3)",
                r"leave them out, or write \( for a parenthesis that is meant",
                code="weights-in-prompt",
            )

    # --- values -------------------------------------------------------------------------------------------------------

    def _model_value(self, name: str, text: str) -> Any:
        """The value of one of the model's options.

        Raises:
            UsageError: it has none of that name, or takes another kind of value.
        """
        each = spelling_of(name)
        if each is not None:
            return ability.value_of(self.card, each, text, verb="txt2img")
        return self.own[name].parse(text, f"--{name.replace('_', '-')}")

    def _is_listed(self, name: str) -> bool:
        return per_line()[name].option.listed if name in per_line() else name in self.own

    def _list(self, name: str, texts: Sequence[str]) -> list[Any]:
        words = [each.strip() for text in texts for each in (text.split(",") if name in per_line() else [text])]
        if not all(words):
            raise UsageError(f"--{name} {','.join(texts)}: a value is missing", "such as 2,4,7")
        if name == "size":
            found: list[Any] = [parse_size(each) for each in words]
        elif name == "scheduler":
            for each in words:
                ability.refuse_unknown("--scheduler", each, pipelines.scheduler_names())
            found = words
        elif name == "denoise" and name not in self.own:
            found = [to_float("--denoise", each, 0.01, 1.0) for each in words]
        else:
            found = [self._model_value(name, each) for each in words]
        return list(dict.fromkeys(found))

    def _denoise(self) -> float:
        own = self.own.get("denoise")
        return float(own.default) if own is not None and own.default is not None else DENOISE

    def _fixed(self, values: Values) -> dict[str, Any]:
        """The model's options as its card has them, and those that a flag turns off."""
        found = {name: each.default for name, each in self.own.items() if each.default is not None}
        found = {name: value for name, value in found.items() if name not in ("negative", "denoise")}  # a job has these itself
        for name, each in per_line().items():
            if each.option.negates and is_on(values, name):
                found[each.key] = self._model_value(each.key, "no")
        return found

    def _own_size(self, init: ReferenceImage | None) -> tuple[int, int] | None:
        if init is not None:
            return size_after(*init.size, self.native)
        return (self.native, self.native) if self.native else None

    def _seeds(self, values: Values) -> list[int]:
        given = [name for name in seed_options() if name in values]
        if "seeds" in given and len(given) > 1:
            other = next(name for name in given if name != "seeds")
            raise UsageError(f"--seeds and {per_line()[other].flag} both say how many", "give one")
        if "seeds" in values:
            return parse_seeds(",".join(values["seeds"]))
        first, count = self.start, 1
        if "seed" in values:
            first = per_line()["seed"].parse(values["seed"][-1])
            if first > LARGEST_SEED:
                raise UsageError(f"--seed {first}: expected a whole number from 0 to {LARGEST_SEED}")
        if "n" in values:
            count = per_line()["n"].parse(values["n"][-1])
        return list(range(first, first + count))

    def _recorded(self, job: Job, own: Mapping[str, Any]) -> dict[str, Any]:
        options = dict(job.options)
        found: dict[str, Any] = {"negative": job.negative} if job.negative else {}
        for name, each in per_line().items():
            if each.option.negates and options.get(each.key) is False:
                found[name] = True
            elif each.option.of_model and options.get(name) is not None:
                found[name] = options[name]
        found |= {"size": f"{job.size[0]}x{job.size[1]}"} if job.size else {}
        found |= {"scheduler": job.setup.scheduler} if job.setup.scheduler else {}
        found |= {"denoise": job.denoise} if job.init is not None else {}
        found |= {"control_strength": job.control_strength} if job.control_strength is not None else {}
        others = {name: value for name, value in own.items() if name not in per_line()}
        return found | ({"model_options": others} if others else {})


def _single(values: Values, name: str) -> str | None:
    texts = values.get(name, [])
    if len(texts) > 1:
        raise UsageError(f"{per_line()[name].flag}: one value, not {len(texts)}")
    return texts[0] if texts else None


def _mark(name: str, value: Any, several: Sequence[Any]) -> str:
    if name == "size":
        return "x".join(map(str, value))
    if name == "negative":
        return f"negative{several.index(value) + 1}"
    word = f"{value:g}" if isinstance(value, float) else str(value)
    return word if name == "scheduler" else f"{name.replace('_', '-')}{word}"
