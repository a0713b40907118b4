"""Train a translation from pairs: absolute error, features, and a discriminator that sees what was given beside what came of
it.

After pix2pix (Isola et al. 2017, arXiv 1611.07004) with a feature loss (Johnson et al. 2016, arXiv 1603.08155) beside. The
adversarial term belongs to the finish, from a network that already draws. A network with domains (`colours = true`) is told
the colour of the thing, in all but `unsaid` of the examples, so that it need not paint the grey mean of all colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.data import colours
from genkit.data.pairs import folder_pairs, made_pairs
from genkit.data.squares import centre_square
from genkit.errors import UsageError
from genkit.evaluate.fidelity import psnr
from genkit.nets import vgg
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.translate.discriminators import PatchRival, differences, hinge
from genkit.train.translate.networks import Pictures, adapt, matrices, network_of, to_pixels, to_tensor


@dataclass(frozen=True)
class DataOptions:
    """`make` names pairs that are made from photographs, `pairs` folders that hold them. `side` is that of a training square
    and, but for sketches, of pictures on the shorter side; `reduction` the largest by which a square is reduced before;
    `noise` and `blur` how much worse than the truth the given picture may be made (deviation in 8-bit steps and in pixels);
    `turn` allows quarter turns. `gradient`, `perceptual` and `adversarial` weigh the terms beside the absolute error;
    `features` is a file of VGG-19 weights and `patch` the part of a square whose features are compared. With `colours` the
    network is told the thing's colour but in the share `unsaid`, and pairs of a colour of n pairs are drawn in proportion to n
    to the power of `-balance`."""

    make: str = ""
    pairs: str = ""
    side: int = 128
    batch: int = 8
    reduction: float = 1.0
    noise: float = 0.0
    blur: float = 0.0
    turn: bool = False
    gradient: float = 0.0
    perceptual: float = 0.0
    adversarial: float = 0.0
    features: str = ""
    patch: int = 64
    colours: bool = False
    unsaid: float = 0.35
    balance: float = 0.0
    validate: int = 40
    validate_side: int = 128
    leave_out: tuple[str, ...] = ()


class PairedJob:
    """What the loop asks of a task: its modules, its batches, its losses, its held-out metric and its sheet."""

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.data.items()}
        self.options = chosen = DataOptions(**given)
        self.family, self.network_params = config.family, dict(config.network)
        if chosen.colours and list(config.network.get("domains", ())) != list(colours.NAMES):
            raise UsageError("data.colours needs network.domains", f"domains = {list(colours.NAMES)}")
        self.modules: dict[str, nn.Module] = {"network": network_of(config)}
        self.averaged: tuple[str, ...] = ("network",)
        self.rivals: tuple[str, ...] = ()
        if chosen.adversarial:
            self.modules["discriminator"] = PatchRival(6)
            self.rivals = ("discriminator",)
        self._features: vgg.Features | None = None
        if chosen.features:
            from genkit.weights import read_state_dict

            self._features = vgg.load_features(read_state_dict(Path(chosen.features)))
        elif chosen.perceptual:
            raise UsageError("data.perceptual needs VGG-19 weights", "give the file: --set data.features=vgg19.safetensors")
        self._made: tuple[Tensor, Tensor] | None = None
        self.protocol = (
            f"RGB PSNR of the translation of held-out pictures, mean; squares of {chosen.validate_side} pixels from the middle"
        )
        if chosen.pairs:
            self._pairs, held = folder_pairs(chosen.pairs, holdout, chosen.side)
        elif chosen.make:
            self._pairs, held = made_pairs(
                chosen.make, data, holdout, chosen.side, chosen.leave_out, chosen.validate, chosen.colours
            )
        else:
            raise UsageError("no pairs to learn from", "genkit train translate --pairs DIR, or --pairs A:B")
        self._pairs = [pair for pair in self._pairs if min(pair[0].shape[:2]) >= chosen.side]
        if not self._pairs:
            raise UsageError(f"no pair has {chosen.side} pixels on its shorter side", "smaller squares: --set data.side=64")
        numbers = [colour for *_, colour in self._pairs]
        shares = np.bincount(numbers)[numbers] ** -chosen.balance
        self._shares = shares / shares.sum()
        side = chosen.validate_side
        held = held[:: max(1, len(held) // chosen.validate)][: chosen.validate]
        self._held = [(centre_square(a, side, 1), centre_square(b, side, 1), code) for a, b, code in held]

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        return matrices(self.modules["network"])

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen, given, wanted, codes = self.options, [], [], []
        for _ in range(chosen.batch):
            *both, colour = self._pairs[int(rng.choice(len(self._pairs), p=self._shares))]
            first, second = self._square(both, rng)
            given.append(self._worse(first, rng))
            wanted.append(second)
            codes.append(0 if rng.random() < chosen.unsaid else colour)
        stack = {"given": given, "wanted": wanted}
        batch = {key: torch.from_numpy(np.stack(value)).permute(0, 3, 1, 2).contiguous() for key, value in stack.items()}
        return batch | {"codes": torch.tensor(codes)}

    def _square(self, pair: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """The same square of both, mirrored and turned the same way."""
        from PIL import Image

        side, (height, width) = self.options.side, pair[0].shape[:2]
        edge = min(round(side * rng.uniform(1, self.options.reduction)), height, width)
        top, left = int(rng.integers(height - edge + 1)), int(rng.integers(width - edge + 1))
        turns, mirrored = int(rng.integers(4)) if self.options.turn else 0, bool(rng.integers(2))
        found = []
        for pixels in pair:
            cut = pixels[top : top + edge, left : left + edge]
            if edge != side:
                cut = np.asarray(Image.fromarray(cut).resize((side, side), Image.Resampling.BOX))
            cut = np.rot90(cut, turns)
            found.append(cut[:, ::-1] if mirrored else cut)
        return found

    def _worse(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The given picture as a worse camera would give it, half of the time, so that its faults are not drawn."""
        if not (self.options.noise or self.options.blur) or rng.integers(2):
            return pixels
        from PIL import Image, ImageFilter

        picture = Image.fromarray(np.ascontiguousarray(pixels))
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, self.options.blur)))
        noisy = np.asarray(picture) + rng.normal(0, 1, pixels.shape).astype(np.float32) * rng.uniform(0, self.options.noise)
        return noisy.round().clip(0, 255).astype(np.uint8)

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        given, wanted = batch["given"].float() / 255, batch["wanted"].float() / 255
        made = adapt(self.family, modules["network"], given, batch["codes"] if self.options.colours else None)
        if made.shape[1] == 1:
            wanted = wanted[:, :1]
        figures = {"l1": (made - wanted).abs().mean()}
        loss = figures["l1"]
        if self.options.gradient:
            figures["gradient"] = differences(made, wanted)
            loss = loss + self.options.gradient * figures["gradient"]
        if self._features is not None and self.options.perceptual:
            figures["vgg"] = self._distance(made, wanted)
            loss = loss + self.options.perceptual * figures["vgg"]
        self._made = None
        if finishing and self.rivals:
            figures["adversarial"] = -modules["discriminator"](torch.cat([given, made.expand_as(given)], 1)).mean()
            loss = loss + self.options.adversarial * figures["adversarial"]
            self._made = (given, made.detach().expand_as(given))
        return loss, {name: float(figure.detach()) for name, figure in figures.items()}

    def _distance(self, made: Tensor, wanted: Tensor) -> Tensor:
        """Of the features of one patch, at the same place in all pictures of the batch."""
        assert self._features is not None
        self._features.to(made.device)
        patch = min(self.options.patch, made.shape[2])
        top, left = (int(torch.randint(made.shape[2] - patch + 1, ())) for _ in range(2))
        made, wanted = (one[..., top : top + patch, left : left + patch].expand(-1, 3, -1, -1) for one in (made, wanted))
        with torch.no_grad():
            target = self._features(wanted)
        return vgg.distance(self._features(made), target)

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]] | None:
        if self._made is None:
            return None
        given, made = self._made
        wanted, rival = batch["wanted"].float() / 255, modules["discriminator"]
        loss = hinge(rival(torch.cat([given, wanted], 1)), rival(torch.cat([given, made], 1)))
        return loss, {"discriminator": float(loss.detach())}

    def _translate(self, network: nn.Module, pixels: np.ndarray, code: int = 0) -> np.ndarray:
        codes = torch.tensor([code], device=next(network.parameters()).device) if self.options.colours else None
        return to_pixels(adapt(self.family, network, to_tensor(pixels, network), codes))

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        network = modules["network"]
        scores = [psnr(self._translate(network, given, code), wanted) for given, wanted, code in self._held]
        return {"psnr_db": float(np.mean(scores))}

    @torch.inference_mode()
    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Two a row of (given, made, truth), and with colours what is made untold before the truth; uint8 (H, W, 3)."""
        cells: Pictures = []
        for given, wanted, code in self._held[:24]:
            made = [self._translate(modules["network"], given, one) for one in ({code: 0, 0: 0} if code else {0: 0})]
            cells.append(np.concatenate([given, *made, wanted], 1))
        cells += [np.zeros_like(cells[-1])] * (len(cells) % 2)
        return np.concatenate([np.concatenate(cells[i : i + 2], 1) for i in range(0, len(cells), 2)], 0)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        params = dict(self.network_params)
        if self.options.make != "sketch":
            params["size"] = self.options.side
        if self.options.make == "edges":
            params["edges"] = True
        if self.options.colours:
            params["domain_optional"] = True
        return dict(modules["network"].state_dict()), params

    def card_fields(self) -> dict[str, Any]:
        return {"dtypes": ["float32", "bfloat16"]}
