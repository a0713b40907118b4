"""Teach a text-to-image model your own pictures by low-rank adapters (LoRA), a few megabytes beside the model's gigabytes.

Latents and texts are made once; only the adapters are learnt (`genkit.models.txt2img.lora`), from noise of all strengths.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genkit.data.captions import Selection, read_captioned
from genkit.errors import UsageError
from genkit.models.txt2img.lora import ADAPTED, Adapted
from genkit.train.config import TrainConfig, options_of
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of
from genkit.train.loop import Report, refuse_begun, train
from genkit.train.run import Request, config_of
from genkit.train.txt2img.autoencoder import before, lay_out

if TYPE_CHECKING:
    from genkit.models.diffusers.draw import Draw

CHUNK = 4
WATCHED = 64


@dataclass(frozen=True)
class LoraOptions:
    """`side` 0 is the model's own; `flip` also learns mirrored pictures; `layers` are the ends of the names of those that get
    adapters of `rank`; `shown` are the prompts of sheets (the first captions, if there are none)."""

    side: int = 0
    batch: int = 1
    rank: int = 8
    flip: bool = False
    layers: tuple[str, ...] = ADAPTED
    shown: tuple[str, ...] = ()


class LoraJob(Job):
    averaged = ("adapters",)
    protocol = "error: mean squared error of what the network says, on fixed noise of the training pictures"

    def __init__(self, draw: Draw, options: LoraOptions, request: Request, captions: Path | None, device: torch.device):
        self.options, self.draw = options, draw
        side = options.side or int(draw.native_size[0])
        if side % draw.multiple:
            raise UsageError(f"data.side = {side}: must be a multiple of {draw.multiple}")
        pictures = read_captioned(request.data, captions, Selection(side=side))
        self.model = Adapted(draw.pipeline, options.rank, options.layers)
        self.model.to(device)
        self.device = device
        self.words = [caption.name for caption in pictures.captions]
        if cut := sum(draw.count_tokens(words) > draw.window for words in self.words):
            notice = f"{cut} of {len(self.words)} captions have more than the {draw.window} tokens that the model reads"
            print(f"{notice}: what is beyond is not learnt", file=sys.stderr)
        pixels = pictures.pixels
        if options.flip:
            pixels, self.words = np.concatenate([pixels, pixels[:, :, ::-1]]), self.words * 2
        self.latents = self._latents(pixels)
        self.texts = self._texts()
        self.modules: Modules = {"adapters": self.model.adapters}
        self.fixed = self._some(np.random.default_rng(0), min(WATCHED, len(self.words)))

    def _latents(self, pixels: np.ndarray) -> Tensor:
        chunks = []
        for first in range(0, len(pixels), CHUNK):
            part = np.ascontiguousarray(pixels[first : first + CHUNK].transpose(0, 3, 1, 2))
            chunks.append(self.model.latents(torch.from_numpy(part).float() / 127.5 - 1))
        return torch.cat(chunks)

    def _texts(self) -> dict[str, Tensor]:
        parts = [self.model.text(self.words[first : first + CHUNK]) for first in range(0, len(self.words), CHUNK)]
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}

    def batch(self, rng: np.random.Generator) -> Batch:
        return self._some(rng, self.options.batch)

    def _some(self, rng: np.random.Generator, count: int) -> Batch:
        places = torch.from_numpy(rng.integers(len(self.words), size=count))
        latents = self.latents[places]
        times = (np.arange(count) + rng.random(count)) / count * len(self.model.kept)
        return {
            "latents": latents,
            "times": torch.from_numpy(times.astype(np.int64)),
            "noise": torch.from_numpy(rng.standard_normal(latents.shape, np.float32)),
            **{key: states[places] for key, states in self.texts.items()},
        }

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        texts = {key: batch[key] for key in self.texts}
        loss = self.model.error(batch["latents"], batch["noise"], batch["times"], texts)
        return loss, figures_of({"loss": loss})

    def _with(self, adapters: Any, what: Any) -> Any:
        """`what()` while the network has the averaged adapters."""
        own = [weight.detach().clone() for weight in self.model.adapters.parameters()]
        self.model.adapters.put(adapters)
        try:
            with torch.no_grad():
                return what()
        finally:
            with torch.no_grad():
                for mine, kept in zip(self.model.adapters.parameters(), own, strict=True):
                    mine.copy_(kept)

    def evaluate(self, modules: Modules) -> Figures:
        def errors() -> float:
            each = []
            for first in range(0, len(self.fixed["times"]), CHUNK):
                part = {key: values[first : first + CHUNK].to(self.device) for key, values in self.fixed.items()}
                each.append(self.loss(modules, part, finishing=False)[1]["loss"])
            return float(np.mean(each))

        return {"error": self._with(modules["adapters"], errors)}

    def sheet(self, modules: Modules) -> np.ndarray:
        """Four prompts, uint8 (H, W, 3)."""
        prompts = list(self.options.shown or dict.fromkeys(self.words))[:4]

        def drawn() -> Tensor:
            return (
                torch.from_numpy(np.concatenate([self.draw([words], [place]) for place, words in enumerate(prompts)])) * 2 - 1
            )

        images = self._with(modules["adapters"], drawn)
        return lay_out(before(images, torch.ones(3, 1, 1)) if images.shape[1] == 4 else images, len(prompts))


def run(request: Request, model: str, captions: Path | None, report: Report) -> dict[str, Any]:
    """Train and return the loop's outcome, with the adapters' file under `lora`.

    Raises:
        UsageError: a configuration for something else, a model whose pipeline takes no adapters, pictures without words.
    """
    config = config_of(request)
    refuse_begun(request.out, request.resume, request.out / "state.pt")  # before the model is loaded
    job = make_job(config, request, model, captions)
    outcome = train(
        config,
        job,
        request.out,
        max_minutes=request.max_minutes,
        resume=request.resume,
        cpu=request.cpu,
        report=report,
    )
    target = request.out / f"{config.name}.safetensors"
    job.model.save(target)
    use = shlex.join(["genkit", "txt2img", job.words[0], "--model", model, "--lora", str(target)])
    return {**outcome, "lora": str(target), "use": use}


def make_job(config: TrainConfig, request: Request, model: str, captions: Path | None) -> LoraJob:
    from genkit import runtime
    from genkit.cards import find
    from genkit.models import load_model
    from genkit.models.diffusers.draw import Draw
    from genkit.weights import obtain

    card = find(model, "txt2img")
    place = runtime.choose("cpu" if request.cpu else "auto", "auto", card.dtypes)
    had, files = obtain(card, announce=lambda text: print(text, file=sys.stderr))
    draw = load_model(had, files, torch.device("cpu"), place.dtype)
    if not isinstance(draw, Draw):
        raise UsageError(f"{card.name} is no diffusion pipeline", "genkit models list txt2img")
    draw.to(place.device, place.dtype)
    return LoraJob(draw, options_of(LoraOptions, config.data), request, captions, draw.device)
