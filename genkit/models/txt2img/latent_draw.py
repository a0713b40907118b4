"""The small latent diffusion that genkit trains (`latent_diffusion.py`), drawn with our own networks and sampler: neither
diffusers nor transformers is imported for it, nor torch where another engine runs the networks.

Four functions of arrays: `text`, tokens (N, L) int64 to states (N, L, D); `denoise`, latents (N, C, h, w), times (N,) int64
and states to velocities (N, C, h, w); `decode`, latents to pictures (N, 4, H, W), -1 to 1; `encode`, the way back. All between
them is numpy, and the numbers are the library's.

What only the library does (another scheduler, adapters, guiding networks, half formats, pictures while they are drawn, sizes
that are decoded in tiles) it goes on doing: the folder is opened once more, by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from genkit import runtime
from genkit.cards import Card
from genkit.engine.noise import noise
from genkit.errors import UsageError, WeightsError
from genkit.models.bounds import window_of
from genkit.models.diffusers.offload import most_at_once
from genkit.models.diffusers.pipelines import GUIDANCE, SMALLEST, STEPS, TILED_ABOVE, Kind
from genkit.models.diffusers.prompts import is_weighted, pieces_of, text_of
from genkit.models.diffusers.schedulers import NOISE
from genkit.models.diffusers.settings import Settings, kind_of
from genkit.models.diffusers.uncarded import settle
from genkit.models.running import Running, of_modules
from genkit.models.settings import read_settings
from genkit.models.shapes import DrawModel
from genkit.models.shapes.draw import Prompt
from genkit.models.txt2img.dpm_solver import DpmSolver
from genkit.models.txt2img.own_folder import PARTS, TOKENIZER
from genkit.nets.mirror import reflect
from genkit.nets.planes import bicubic

if TYPE_CHECKING:
    from genkit.models.diffusers.draw import Draw


class LatentDraw(Running, DrawModel):
    """`network` are the networks by name (`latent_networks.read`), or a runner of them; `library` opens the same folder with
    diffusers."""

    channels = 4
    chunks = weighting = starts = True

    def __init__(
        self, network: Any, card: Card, kind: Kind, folder: Path, library: Callable[[], Draw], *, device: Any = runtime.CPU
    ):
        self.name, self.settings = card.name, Settings(card, kind)
        self._put(network, device, "float32", of_modules("text", "denoise", "decode", "encode"))
        settings = {name: read_settings(folder / name / "config.json") for name in PARTS}
        self.multiple = 2 ** (len(settings["vae"]["block_out_channels"]) - 1)
        self.minimum = self.multiple * SMALLEST
        side = int(card.limits.get("size", 512))
        self.native_size = (side, side)
        self._words = Words(folder, settings["text_encoder"])
        self._latents = int(settings["unet"]["in_channels"])
        self.window = int(card.limits.get("window") or self._words.window)
        self._open = library
        self._library: Draw | None = None

    @classmethod
    def remade(
        cls, runner: Any, facts: Mapping[str, Any], card: Card, files: Mapping[str, Path], load: Callable[[], Self]
    ) -> Self:
        settled = settle(card, files)
        return cls(runner, settled.card, kind_of(settled.card), settled.folder, lambda: load()._open(), **facts)

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        window, sizes = self._words.window, ((2, SMALLEST, SMALLEST, 1), (1, SMALLEST + 2, SMALLEST + 4, 2))
        tokens = [np.stack([self._words.rows("a cat", 1)[0][0]] * count) for count in (1, 3)]
        state = self.runner.run("text", tokens[0])[0]
        given: dict[str, list[list[np.ndarray]]] = {
            "text": [[each] for each in tokens],
            "denoise": [],
            "decode": [],
            "encode": [],
        }
        for seed, (count, height, width, windows) in enumerate(sizes):
            latents = noise(seed, (count, self._latents, height, width))
            words = np.resize(state, (count, windows * window, state.shape[2]))
            given["denoise"].append([latents, np.full(count, 499 - 300 * seed, np.int64), words])
            given["decode"].append([latents[:1]])
            given["encode"].append([noise(seed, (1, 4, height * self.multiple, width * self.multiple)).clip(-1, 1)])
        return given

    # --- what only the library does -----------------------------------------------------------------------------------

    def _by_library(self) -> Draw:
        if self._library is None:
            self._library = self._open()
        self._library.progress, self._library.watch = self.progress, self.watch
        return self._library

    def configure(self, **lasting: Any) -> None:
        if any(value not in (None, (), False, "auto") for key, value in lasting.items() if key != "fetch"):
            self._by_library().configure(**lasting)

    def use_scheduler(self, name: str | None) -> None:
        if name is not None or self._library is not None:
            self._by_library().use_scheduler(name)

    def cheaper(self) -> str | None:
        return self._by_library().cheaper()

    def to(self, device: Any, dtype: Any) -> Self:
        if self._library is not None or runtime.dtype_name(dtype) != self.dtype:
            self._by_library().to(device, dtype)
        return super().to(device, dtype)

    def batch_limit(self, width: int, height: int) -> int:
        if self._library is not None:
            return self._library.batch_limit(width, height)
        return most_at_once(self.device, self.dtype, width * height)

    def schedulers(self) -> tuple[str, ...]:
        return tuple(NOISE)

    # --- pictures -----------------------------------------------------------------------------------------------------

    def count_tokens(self, text: str) -> int:
        return len(self._words.tokens(text)) + 2

    def __call__(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        *,
        width: int | None = None,
        height: int | None = None,
        negative: Prompt | Sequence[Prompt] | None = None,
        init: np.ndarray | None = None,
        denoise: float | None = None,
        **options: Any,
    ) -> np.ndarray:
        """As the shape says; `denoise` is how much of `init` is drawn anew."""
        if len(prompts) != len(seeds):
            raise UsageError(f"{len(prompts)} prompts and {len(seeds)} seeds: one of each is one picture")
        sides = self.native_size[::-1] if init is None else tuple(init.shape[-2:])
        wanted = (height or sides[0], width or sides[1])
        inner = self._inner(wanted)
        controls = {key: options.pop(key) for key in ("control", "control_strength") if key in options}
        if self._library is not None or self.watch is not None or controls.get("control") or inner[0] * inner[1] > TILED_ABOVE:
            given: dict[str, Any] = {"width": width, "height": height, "negative": negative, "init": init, "denoise": denoise}
            return self._by_library()(prompts, seeds, **given, **controls, **options)
        if not prompts:
            return np.zeros((0, self.channels, *wanted), np.float32)
        negatives = self.settings.negatives(negative, len(prompts))
        values = self.settings.drawing(options, init is not None, denoise, negatives)
        starts = None if init is None else self._prepared(init, wanted, inner, len(prompts))
        groups: dict[int, list[int]] = {}  # of as many windows of words, so that none is padded by others
        for place, texts in enumerate(zip(prompts, negatives, strict=True)):
            groups.setdefault(max(self._words.windows(text or "") for text in texts), []).append(place)
        images = np.empty((len(prompts), self.channels, *inner), np.float32)
        for number, group in enumerate(groups.values()):
            states = self._states([prompts[one] for one in group], [negatives[one] for one in group], values[GUIDANCE] > 1)
            begin = None if starts is None else starts[group]
            latents = self._sample([seeds[one] for one in group], states, values, inner, begin, (number, len(groups)))
            for place, one in zip(group, latents, strict=True):  # in the memory of one
                images[place] = self.runner.run("decode", one[None])[0][0]
        return self._outer((images / 2 + 0.5).clip(0, 1), wanted)

    def _sample(
        self,
        seeds: Sequence[int],
        states: Sequence[np.ndarray],
        values: Mapping[str, Any],
        inner: tuple[int, int],
        starts: np.ndarray | None,
        turn: tuple[int, int],
    ) -> np.ndarray:
        """Latents (N, C, h, w) without noise, by `states` of the prompts, and of what they are led away from, if anything."""
        steps, guidance = int(values[STEPS]), np.float32(values[GUIDANCE])
        begin = 0 if starts is None else max(steps - min(int(steps * values["strength"]), steps), 0)
        solver, shape = DpmSolver(steps, begin), (self._latents, *(side // self.multiple for side in inner))
        latents = np.stack([noise(seed, shape) for seed in seeds])
        if starts is not None:
            clean = [self.runner.run("encode", one[None] * 2 - 1)[0][0] for one in starts]
            latents = solver.noisy(np.stack(clean), latents)
        words = np.concatenate(states)
        for place, time in enumerate(solver.times[begin:], 1):
            inputs = np.concatenate([latents] * len(states))
            velocity = self.runner.run("denoise", inputs, np.full(len(inputs), time, np.int64), words)[0]
            if len(states) > 1:
                towards, away = np.split(velocity, 2)
                velocity = away + guidance * (towards - away)
            latents = solver.step(latents, velocity)
            if self.progress is not None:
                taken = steps - begin
                self.progress(turn[0] * taken + place, turn[1] * taken)
        return latents

    def _states(self, prompts: Sequence[Prompt], negatives: Sequence[Prompt | None], guided: bool) -> list[np.ndarray]:
        """States (N, windows x L, D) of the prompts and, where they are guided, of the negatives."""
        texts = [list(prompts), [one or "" for one in negatives]]
        windows = max(self._words.windows(text) for several in texts for text in several)
        whole = windows == 1 and not any(is_weighted(text) for several in texts for text in several)
        states = []
        for several in texts[: 1 + guided]:
            rows = [self._words.rows(text_of(text) if whole else text, windows) for text in several]
            read = self.runner.run("text", np.concatenate([tokens for tokens, _ in rows]))[0]
            read = read.reshape(len(several), windows, *read.shape[1:])
            weighed = [_weigh(each, weights) for each, (_, weights) in zip(read, rows, strict=True)]
            states.append(np.stack(weighed).reshape(len(several), -1, read.shape[-1]))
        return states

    # --- sizes --------------------------------------------------------------------------------------------------------

    def _scaled(self, wanted: tuple[int, int]) -> tuple[int, int]:
        scale = max(1.0, self.minimum / min(wanted))
        return round(wanted[0] * scale), round(wanted[1] * scale)

    def _inner(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """Sides (height, width) to draw at: not below what the networks work at, and multiples."""
        height, width = (-(-side // self.multiple) * self.multiple for side in self._scaled(wanted))
        return height, width

    def _outer(self, images: np.ndarray, wanted: tuple[int, int]) -> np.ndarray:
        height, width = self._scaled(wanted)
        return bicubic(images[..., :height, :width], *wanted).clip(0, 1)

    def _prepared(self, init: np.ndarray, wanted: tuple[int, int], inner: tuple[int, int], count: int) -> np.ndarray:
        """A picture (4, H, W) for each item at the inner size, opaque where it has no alpha."""
        height, width = self._scaled(wanted)
        resized = bicubic(init.clip(0, 1), height, width).clip(0, 1)
        images = reflect(resized, inner[0] - height, inner[1] - width).repeat(count, 0)
        return np.concatenate([images, np.ones_like(images[:, :1])], 1)[:, :4]


class Words:
    """A folder's tokenizer, by the library that it is written for, and windows of tokens as CLIP reads them.

    Raises:
        WeightsError: a file that is damaged, or lacks the marks of beginning and end.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        from tokenizers import Tokenizer

        own = read_settings(folder / "tokenizer/tokenizer_config.json")
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            tokens = self._tokenizer.get_vocab()
            self._begin, self._end, self._fill = (tokens[own[f"{what}_token"]] for what in ("bos", "eos", "pad"))
        except Exception as error:  # the library knows no kind of its own
            reason = " ".join(str(error).split())[:160]
            raise WeightsError(f"{folder / TOKENIZER}: damaged ({reason})", "fetch it again", code="damaged") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.window = window_of(own.get("model_max_length"), settings["max_position_embeddings"], folder / "tokenizer")

    def tokens(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids if text.strip() else []

    def windows(self, prompt: Prompt) -> int:
        """How many windows a prompt fills, at least 1."""
        return max(1, -(-sum(len(self.tokens(text)) for text, _ in pieces_of(prompt)) // (self.window - 2)))

    def rows(self, prompt: Prompt, windows: int) -> tuple[np.ndarray, np.ndarray]:
        """Token numbers (windows, L) with the marks of beginning and end, and the weight of each."""
        read = [(token, weight) for text, weight in pieces_of(prompt) for token in self.tokens(text)]
        room = self.window - 2
        rows = np.full((windows, self.window), self._fill, np.int64)
        weights = np.ones((windows, self.window), np.float32)
        rows[:, 0] = self._begin
        for place in range(windows):
            part = read[place * room : (place + 1) * room]
            rows[place, 1 : len(part) + 1] = [token for token, _ in part]
            weights[place, 1 : len(part) + 1] = [weight for _, weight in part]
            rows[place, len(part) + 1] = self._end
        return rows, weights


def _weigh(states: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """States (windows, L, D) by the weights of their tokens, with the mean that they had."""
    if (weights == 1).all():
        return states
    weighed = states * weights[..., None]
    return weighed * (states.mean() / weighed.mean())
