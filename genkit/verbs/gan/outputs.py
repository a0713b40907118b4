"""What `genkit gan` is asked for, as outputs: single pictures, grids, mixtures, saved latents, walks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cli.options import DrawOptions
from genkit.errors import UsageError
from genkit.run.drawing import Drawing, Made
from genkit.verbs.gan.options import is_style_based, need_styles, picture_of, refuse_other_model, size_of, slug, w_of

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.verbs.gan.directions import Directions
    from genkit.verbs.gan.latents import Latent
    from genkit.verbs.gan.verb import WalkOptions

FPS, LEG_S = 24.0, 2.0  # of a walk: pictures a second, seconds from one seed to the next


@dataclass(frozen=True)
class Job:
    """What one output is drawn from. `w(model)` gives (N, L, D), `noise` a seed for each (None: the model's constant noise);
    `finish` makes the output of the pictures, which come one by one."""

    w: Callable[[Any], Any]
    noise: Sequence[int | None]
    finish: Callable[[Iterator[Any]], Any]
    truncation: float | None = None
    label: str | None = None


class Drawings:
    """What is asked for, as outputs."""

    def __init__(self, card: Card, chosen: dict[str, Any], shared: DrawOptions, save_latent: bool, batch: int | None):
        self.card, self.chosen, self.shared = card, chosen, shared
        self.label, self.truncation = chosen.get("class"), chosen.get("truncation")
        self.save_latent, self.batch = save_latent, batch
        self.options = chosen | ({"save_latent": True} if save_latent else {})

    def seeds(self, listed: str | None, single: int | None, grid: str | None) -> list[Drawing]:
        from genkit.run.lists import parse_grid, parse_seeds

        if grid is None:
            seeds = [single or 0] if listed is None else parse_seeds(listed)
            return [self._seed(one) for one in seeds]
        columns, rows = parse_grid(grid)
        seeds = list(range(columns * rows)) if single is None else [single]
        seeds = seeds if listed is None else parse_seeds(listed)
        cells = columns * rows
        return [self._grid(seeds[at : at + cells], columns, rows) for at in range(0, len(seeds), cells)]

    def _stem(self, what: str) -> str:

        return "-".join([self.card.name, *([slug(str(self.label))] if self.label is not None else []), what])

    def _seed(self, seed: int) -> Drawing:

        job = Job(lambda model: self._mapped(model, [seed]), [seed], _single, self.truncation, self.label)
        size = size_of(self.card)
        return Drawing(f"seed {seed}", self._stem(f"seed{seed:04}"), job, seed=seed, options=self.options, size=size)

    def _mapped(self, model: Any, seeds: Sequence[int]) -> Any:
        return model.mapping(model.latents(seeds), model.labels_for(seeds, self.label), self.truncation)

    def _grid(self, seeds: Sequence[int], columns: int, rows: int) -> Drawing:

        def laid_out(pictures: Iterator[Any]) -> Any:
            from genkit.media.pictures.picture import Picture
            from genkit.verbs.gan.task import grid

            return Picture(*grid(list(pictures), columns, rows))

        whole = list(seeds) == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1
        text = f"{seeds[0]}-{seeds[-1]}" if whole else ",".join(map(str, seeds))
        job = Job(lambda model: self._mapped(model, seeds), seeds, laid_out, self.truncation, self.label)
        return Drawing(
            f"seeds {text}",
            self._stem(f"seed{seeds[0]:04}-grid{columns}x{rows}"),
            job,
            options=self.options | {"seeds": text, "grid": f"{columns}x{rows}"},
            size=size_of(self.card, columns, rows),
            alone=True,
        )

    def mixture(self, text: str) -> Drawing:
        from genkit.run.lists import parse_seeds
        from genkit.verbs.gan.latents import mix, parse_layers

        need_styles(self.card, "--mix")
        first, second, layers = ([*text.split(":"), "", ""])[:3]
        pair = [parse_seeds(one, "--mix") for one in (first, second)]
        if text.count(":") != 2 or [len(one) for one in pair] != [1, 1]:
            raise UsageError(f"--mix {text}: expected two seeds and layers, such as 3:7:3-4")
        seeds = [one[0] for one in pair]
        parse_layers(layers, 1 << 20, "--mix")  # how many there are is known once the model is loaded

        def mixed(model: Any) -> Any:
            return mix(self._mapped(model, seeds), parse_layers(layers, model.layers, "--mix"))

        job = Job(mixed, seeds[:1], _single, self.truncation, self.label)
        stem = self._stem(f"mix{seeds[0]}-{seeds[1]}-layers{slug(layers)}")
        return Drawing(f"mix {text}", stem, job, options=self.options | {"mix": text}, size=size_of(self.card))

    def saved(self, path: Path, latent: Any) -> Drawing:

        refuse_other_model(self.card, latent, path)
        job = Job(lambda model: w_of(model, latent, str(path)), [latent.noise_seed], _single, latent.truncation)
        files, size = {"latent": path}, size_of(self.card)
        return Drawing(str(path), f"{path.stem}-drawn", job, options=self.options, files=files, size=size)

    def walk(self, film: WalkOptions) -> list[Drawing]:
        from genkit.media.film.video import encode, gif_rate
        from genkit.run.lists import parse_seeds
        from genkit.run.plan import output_folder
        from genkit.verbs.gan.latents import SPACES, walk

        seeds = parse_seeds(str(film.walk), "--walk")
        if len(seeds) < 2:
            raise UsageError(f"--walk {film.walk}: a walk leads from one seed to another", "name two or more: --walk 3,7,9")
        space = film.interpolate or ("w" if is_style_based(self.card) else "z")
        if space not in SPACES:
            raise UsageError(f"--interpolate {space}: expected one of {', '.join(SPACES)}")
        if space == "w":
            need_styles(self.card, "--interpolate w")
        fps = FPS if film.fps is None else film.fps
        seconds = LEG_S * (len(seeds) if film.loop else len(seeds) - 1) if film.seconds is None else film.seconds
        if not (0 < fps <= 120 and 0 < seconds <= 3600):
            raise UsageError(f"--fps {fps:g} --seconds {seconds:g}: expected up to 120 pictures a second, and an hour at most")
        format, folder = _film_format(self.shared, film), output_folder(self.shared.output)
        fps = gif_rate(fps) if format == "GIF" else fps
        frames = round(seconds * fps)
        if frames < len(seeds):
            raise UsageError(f"--walk {film.walk}: {frames} pictures for {len(seeds)} seeds", "more --seconds, or more --fps")

        @lru_cache(maxsize=1)
        def path(model: Any) -> Any:
            return walk(model, seeds, frames, space=space, loop=film.loop, label=self.label, truncation=self.truncation)

        options = self.options | {"walk": ",".join(map(str, seeds)), "interpolate": space, "seconds": seconds, "fps": fps}
        options |= {"loop": True} if film.loop else {}
        stem = self._stem(f"walk{'-'.join(map(str, seeds[:6]))}")
        size = size_of(self.card)
        if format is not None:
            quality = self.shared.quality

            def filmed(pictures: Iterator[Any]) -> Any:
                return encode((_flat(one) for one in pictures), format, fps, quality=quality, loop=film.loop)

            job = Job(path, [seeds[0]] * frames, filmed, self.truncation, self.label)
            return [Drawing(f"walk {film.walk}", stem, job, options=options, size=size, alone=True, film=format)]
        if film.frame is None and folder is None:
            raise UsageError(
                f"-o {self.shared.output}: a walk is a film or a folder of pictures", "-o walk.mp4, walk.gif or walk/"
            )
        if film.frame is not None and film.frame > frames:
            raise UsageError(f"--frame {film.frame}: the walk has {frames} pictures")

        def one(number: int) -> Drawing:
            job = Job(lambda model: path(model)[number - 1 : number], seeds[:1], _single, self.truncation, self.label)
            named = f"{stem}-{number:04}"
            return Drawing(f"picture {number}", named, job, options=options | {"frame": number}, size=size)

        return [one(number) for number in ([film.frame] if film.frame else range(1, frames + 1))]

    def draw(self, model: Any, jobs: Sequence[Job], notice: Any, working: Any) -> list[Any]:
        """Draw outputs in one batch, or one that is drawn alone."""
        import torch

        from genkit.verbs.gan.latents import Latent
        from genkit.verbs.gan.task import render

        if len({job.truncation for job in jobs}) > 1:  # saved latents may each have their own
            return [made for job in jobs for made in self.draw(model, [job], notice, working)]
        w = torch.cat([job.w(model) for job in jobs])
        noise = [seed for job in jobs for seed in job.noise]
        pictures = render(model, w, noise, truncation=jobs[0].truncation, batch=self.batch, notice=notice)
        if working is not None:
            pictures = _counted(pictures, len(w), working)
            return [Made(jobs[0].finish(pictures))]
        found = []
        for job, drawn in zip(jobs, pictures, strict=True):
            latent = Latent(drawn.w, self.card.name, self.card.revision or "", job.noise[0], job.truncation)
            beside = {".npz": latent.dump()} if self.save_latent else {}
            found.append(Made(job.finish(iter([drawn])), beside))
        return found


def _film_format(shared: DrawOptions, film: WalkOptions) -> str | None:
    """MP4, GIF, or None for single pictures: as -o or --format says, a film where neither does."""
    from genkit.media.film.video import film_format
    from genkit.run.plan import output_folder

    named = film_format(shared.output) if shared.output and output_folder(shared.output) is None else None
    asked = film_format(shared.format)
    if film.frame is not None:
        if named or asked:
            raise UsageError("--frame is one picture, and no film", "-o picture.png")
        return None
    if shared.output == "-":
        raise UsageError("a film cannot go to standard output", "-o walk.mp4")
    if named and shared.format and asked != named:
        raise UsageError(f"--format {shared.format} and {shared.output} contradict each other", "leave out one of them")
    return named or asked or (None if shared.output or shared.format else "MP4")


def _single(pictures: Iterator[Any]) -> Any:
    return picture_of(next(pictures))


def _flat(drawn: Any) -> Any:
    """Pixels of a frame, on white where they are transparent."""
    from genkit.media.pictures.picture import on_white

    return drawn.pixels if drawn.alpha is None else on_white(drawn.pixels, drawn.alpha)


def _counted(pictures: Iterator[Any], of: int, working: Any) -> Iterator[Any]:
    for number, one in enumerate(pictures, 1):
        yield one
        working.step(number, of)


@dataclass(frozen=True)
class Edit:
    """Steps from one latent along one direction, as outputs."""

    card: Card
    chosen: dict[str, Any]
    saved: Latent | None
    path: Path | None
    seed: int | None
    direction: str
    file: Path | None
    known: Directions | None
    layers: str | None
    save_latent: bool

    def drawing(self, amount: float) -> Drawing:
        name = slug(self.known.called(self.known.find(self.direction)) if self.known else self.direction)
        start = self.path.stem if self.path else f"{self.card.name}-seed{self.seed:04}"
        given = {"direction": self.direction, "amount": amount, "layers": self.layers, "save_latent": self.save_latent or None}
        return Drawing(
            f"{self.path or f'seed {self.seed}'} {name} {amount:+g}",
            f"{start}-{name}{amount:+g}",
            amount,
            seed=self.seed,
            options=self.chosen | {option: value for option, value in given.items() if value is not None},
            files={"directions": self.file} if self.file else {},
            source=self.path,
            size=size_of(self.card),
        )

    def draw(self, model: Any, jobs: Sequence[float], notice: Any, working: Any) -> list[Made]:
        from dataclasses import replace

        from genkit.verbs.gan.directions import find_directions
        from genkit.verbs.gan.latents import Latent, parse_layers
        from genkit.verbs.gan.task import render

        if self.file is not None:
            notice(f"directions: {self.file}")
        found = self.known or find_directions(model, self.card.name, count=1 << 20)
        if self.layers is not None:
            found = replace(found, layers=tuple(parse_layers(self.layers, model.layers, "--layers")))
        if any(not 0 <= one < model.layers for one in found.layers):
            raise UsageError(f"{self.file}: directions for layers that {self.card.name} has not got", code="directions")
        index = found.find(self.direction)
        truncation = self.chosen.get("truncation")
        if self.saved is not None:
            w, noise = w_of(model, self.saved, str(self.path)), self.saved.noise_seed
            truncation = self.saved.truncation
        else:
            seeds = [self.seed or 0]
            w = model.mapping(model.latents(seeds), model.labels_for(seeds, self.chosen.get("class")), truncation)
            noise = self.seed
        if found.vectors.shape[1] != w.shape[2]:
            raise UsageError(f"{self.file}: directions of another network", "genkit gan directions", code="directions")
        made = []
        for amount in jobs:
            drawn = next(render(model, found.moved(w, index, amount), [noise], truncation=truncation, notice=notice))
            latent = Latent(drawn.w, self.card.name, self.card.revision or "", noise, truncation)
            made.append(Made(picture_of(drawn), {".npz": latent.dump()} if self.save_latent else {}))
        return made
