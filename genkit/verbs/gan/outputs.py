"""What `genkit gan` is asked for, as outputs: single pictures, grids, mixtures, saved latents, walks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cards.abilities import style_layers
from genkit.errors import UsageError
from genkit.files import slug
from genkit.media.film.video import encode, film_format, gif_rate
from genkit.media.pictures.picture import Picture, on_white
from genkit.run import ability
from genkit.run.drawn import Output, Sample
from genkit.run.lists import parse_grid, parse_seeds
from genkit.run.naming import output_folder
from genkit.verbs.gan.latents import MOST_LAYERS, Latent, mix, parse_layers, refuse_other_model, w_of, walk
from genkit.verbs.gan.options import chosen
from genkit.verbs.gan.task import GAP, LatentPicture, grid, render

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card
    from genkit.media.film.video import Film
    from genkit.models.shapes import SampleModel
    from genkit.run.steps import Steps
    from genkit.run.verb import Context, Notify
    from genkit.verbs.gan.declaration import GanDeclaration

FPS, LEG_S = 24.0, 2.0  # of a walk: pictures a second, seconds from one seed to the next
MOST_FPS, MOST_S = 120, 3600
NAMED_SEEDS = 6  # of a walk, in its file's name


@dataclass(frozen=True)
class Job:
    """What one output is drawn from. `w(model)` gives (N, L, D), `noise` a seed for each (None: the model's constant noise);
    `finish` makes the output of the pictures, which come one by one."""

    w: Callable[[SampleModel], np.ndarray]
    noise: Sequence[int | None]
    finish: Callable[[Iterator[LatentPicture]], Picture | Film]
    truncation: float | None = None


class Drawings:
    """What a call of `gan` asks for. `options` are what every recipe has."""

    def __init__(self, verb: GanDeclaration, context: Context):
        self.verb, self.context, self.run, self.card = verb, context, context.run, context.card
        found = chosen(verb, context)
        self.label, self.truncation = found.get("class"), found.get("truncation")
        self.options = found | ({"save_latent": True} if verb.save_latent else {})
        self.size = size_of(self.card)

    def outputs(self) -> list[Output]:
        verb = self.verb
        if verb.walk is not None:
            return self._walk(verb.walk)
        if verb.mix:
            return [self._mixture(one) for one in verb.mix]
        if verb.saved:
            return [self._saved(*one) for one in verb.saved]
        if verb.grid is not None:
            return self._grids(verb.grid)
        return [self._seed(one) for one in self._seeds([0])]

    def _seeds(self, usual: Sequence[int]) -> Sequence[int]:
        if self.verb.seeds is not None:
            return parse_seeds(self.verb.seeds)
        return usual if self.verb.seed is None else [self.verb.seed]

    def _stem(self, what: str) -> str:
        return "-".join([self.card.name, *([named(str(self.label))] if self.label is not None else []), what])

    def _mapped(self, model: SampleModel, seeds: Sequence[int]) -> np.ndarray:
        return model.embed(model.latents(seeds), model.labels_for(seeds, self.label), self.truncation)

    def _seed(self, seed: int) -> Output:
        job = Job(lambda model: self._mapped(model, [seed]), [seed], single, self.truncation)
        return Output(f"seed {seed}", self._stem(f"seed{seed:04}"), job, seed=seed, options=self.options, size=self.size)

    def _grids(self, text: str) -> list[Output]:
        columns, rows = parse_grid(text)
        cells = columns * rows
        seeds = self._seeds(range(cells))
        return [self._grid(seeds[at : at + cells], columns, rows) for at in range(0, len(seeds), cells)]

    def _grid(self, seeds: Sequence[int], columns: int, rows: int) -> Output:
        def laid_out(pictures: Iterator[LatentPicture]) -> Picture:
            return Picture(*grid(list(pictures), columns, rows))

        whole = list(seeds) == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1
        text = f"{seeds[0]}-{seeds[-1]}" if whole else ",".join(map(str, seeds))
        return Output(
            f"seeds {text}",
            self._stem(f"seed{seeds[0]:04}-grid{columns}x{rows}"),
            Job(lambda model: self._mapped(model, seeds), seeds, laid_out, self.truncation),
            options=self.options | {"seeds": text, "grid": f"{columns}x{rows}"},
            size=size_of(self.card, columns, rows),
            alone=True,
        )

    def _mixture(self, text: str) -> Output:
        first, second, layers = ([*text.split(":"), "", ""])[:3]
        pair = [parse_seeds(one, "--mix") for one in (first, second)]
        if text.count(":") != 2 or [len(one) for one in pair] != [1, 1]:
            raise UsageError(f"--mix {text}: expected two seeds and layers, such as 3:7:3-4")
        seeds = [one[0] for one in pair]
        parse_layers(layers, style_layers(self.card) or MOST_LAYERS, "--mix")

        def mixed(model: SampleModel) -> np.ndarray:
            return mix(self._mapped(model, seeds), parse_layers(layers, model.layers, "--mix"))

        job = Job(mixed, seeds[:1], single, self.truncation)
        stem = self._stem(f"mix{seeds[0]}-{seeds[1]}-layers{named(layers)}")
        return Output(f"mix {text}", stem, job, options=self.options | {"mix": text}, size=self.size)

    def _saved(self, path: Path, latent: Latent) -> Output:
        refuse_other_model(self.card, latent, path)
        job = Job(lambda model: w_of(model, latent, str(path)), [latent.noise_seed], single, latent.truncation)
        stem = f"{path.stem}-drawn"
        return Output(str(path), stem, job, options=self.options, files={"latent": path}, size=self.size)

    def _walk(self, text: str) -> list[Output]:
        verb = self.verb
        seeds = parse_seeds(text, "--walk")
        if len(seeds) < 2:
            raise UsageError(f"--walk {text}: a walk leads from one seed to another", "name two or more: --walk 3,7,9")
        space = verb.interpolate or ("w" if "styles" in self.card.can else "z")
        if space == "w":
            ability.need(self.card, "styles", "--interpolate w")
        fps = FPS if verb.fps is None else verb.fps
        seconds = LEG_S * (len(seeds) if verb.loop else len(seeds) - 1) if verb.seconds is None else verb.seconds
        if not (0 < fps <= MOST_FPS and 0 < seconds <= MOST_S):
            raise UsageError(
                f"--fps {fps:g} --seconds {seconds:g}: expected up to {MOST_FPS} pictures a second, and an hour at most"
            )
        format = self._film_format()
        fps = gif_rate(fps) if format == "GIF" else fps
        frames = round(seconds * fps)
        if frames < len(seeds):
            raise UsageError(f"--walk {text}: {frames} pictures for {len(seeds)} seeds", "more --seconds, or more --fps")

        def path(model: SampleModel) -> np.ndarray:
            ends: dict[str, Any] = {"space": space, "loop": verb.loop, "label": self.label, "truncation": self.truncation}
            found: np.ndarray = self.context.once("walk", lambda: walk(model, seeds, frames, **ends))
            return found

        options = self.options | {"walk": ",".join(map(str, seeds)), "interpolate": space, "seconds": seconds, "fps": fps}
        options |= {"loop": True} if verb.loop else {}
        stem = self._stem(f"walk{'-'.join(map(str, seeds[:NAMED_SEEDS]))}")
        if format is not None:
            quality = self.context.settings.quality

            def filmed(pictures: Iterator[LatentPicture]) -> Film:
                return encode((_flat(one) for one in pictures), format, fps, quality=quality, loop=verb.loop)

            job = Job(path, [seeds[0]] * frames, filmed, self.truncation)
            effort = frames * (self.size[0] * self.size[1] if self.size else 1e6) / 1e6
            size = self.size
            return [Output(f"walk {text}", stem, job, options=options, size=size, alone=True, film=format, effort=effort)]
        if verb.frame is None and output_folder(self.run.output) is None:
            raise UsageError(
                f"-o {self.run.output}: a walk is a film or a folder of pictures", "-o walk.mp4, walk.gif or walk/"
            )
        if verb.frame is not None and verb.frame > frames:
            raise UsageError(f"--frame {verb.frame}: the walk has {frames} pictures")

        def one(number: int) -> Output:
            job = Job(lambda model: path(model)[number - 1 : number], seeds[:1], single, self.truncation)
            own = options | {"frame": number}
            return Output(f"picture {number}", f"{stem}-{number:04}", job, options=own, size=self.size)

        return [one(number) for number in ([verb.frame] if verb.frame else range(1, frames + 1))]

    def _film_format(self) -> str | None:
        """MP4, GIF, or None for single pictures: as -o or --format says, a film where neither does."""
        output, wanted = self.run.output, self.run.format
        named = film_format(output) if output and output_folder(output) is None else None
        asked = film_format(wanted)
        if self.verb.frame is not None:
            if named or asked:
                raise UsageError("--frame is one picture, and no film", "-o picture.png")
            return None
        if output == "-":
            raise UsageError("a film cannot go to standard output", "-o walk.mp4")
        if named and wanted and asked != named:
            raise UsageError(f"--format {wanted} and {output} contradict each other", "leave out one of them")
        return named or asked or (None if output or wanted else "MP4")

    def draw(self, model: SampleModel, jobs: Sequence[Job], notify: Notify, steps: Steps | None) -> list[Sample]:
        """Draw outputs in one batch, or one that is drawn alone."""
        import numpy as np

        if len({job.truncation for job in jobs}) > 1:  # saved latents may each have their own
            return [made for job in jobs for made in self.draw(model, [job], notify, steps)]
        w = np.concatenate([job.w(model) for job in jobs])
        noise = [seed for job in jobs for seed in job.noise]
        pictures = render(model, w, noise, truncation=jobs[0].truncation, batch=self.verb.batch_size, notify=notify)
        if steps is not None:
            pictures = _counted(pictures, len(w), steps)
        if len(noise) > len(jobs):  # a grid or a film, which is drawn alone
            return [Sample(jobs[0].finish(pictures))]
        found = []
        for job, drawn in zip(jobs, pictures, strict=True):
            latent = Latent(drawn.w, self.card.name, self.card.revision or "", job.noise[0], job.truncation)
            beside = {".npz": latent.dump()} if self.verb.save_latent else {}
            found.append(Sample(job.finish(iter([drawn])), beside))
        return found


def size_of(card: Card, columns: int = 1, rows: int = 1) -> tuple[int, int] | None:
    """Width and height of a picture, or of a grid of them, where the card tells."""
    side = card.params.get("side")
    if not isinstance(side, int):
        return None
    return columns * (side + GAP) - GAP, rows * (side + GAP) - GAP


def named(text: str) -> str:
    """A class, a direction or a list of layers as part of a file's name."""
    return slug(text, keep="_.-").strip("-")


def single(pictures: Iterator[LatentPicture]) -> Picture:
    """The picture where there is one."""
    drawn = next(pictures)
    return Picture(drawn.pixels, drawn.alpha, "PNG")


def _flat(drawn: LatentPicture) -> np.ndarray:
    """Pixels of a frame, on white where they are transparent."""
    return drawn.pixels if drawn.alpha is None else on_white(drawn.pixels, drawn.alpha)


def _counted(pictures: Iterator[LatentPicture], of: int, steps: Steps) -> Iterator[LatentPicture]:
    for number, one in enumerate(pictures, 1):
        yield one
        steps.step(number, of)
