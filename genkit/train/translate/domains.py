"""Train one network that turns a picture into any of several domains: StarGAN, a folder a domain.

Choi et al. 2018 (arXiv 1711.09020), section 3: the discriminator also says of what domain a picture is; a made picture shall
be taken for one of the asked domain (equations 2 and 3), and going back to its own domain shall give the picture (equation 4).
Asked for its own domain it shall stay as it is. The hinge loss under spectral normalisation takes the place of their gradient
penalty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genkit.data.pictures import list_pictures, read_pictures, split_names
from genkit.data.squares import centre_square
from genkit.errors import UsageError
from genkit.models import family_module
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.translate.discriminators import PatchRival, hinge
from genkit.train.translate.networks import Pictures, adapt, cut_square, matrices, to_pixels, to_tensor


@dataclass(frozen=True)
class DataOptions:
    """`domains` is a folder or zip whose folders are the domains; `side` that of a training square, cut from pictures at up to
    `reduction` times it; `naming`, `cycle` and `identity` weigh the terms beside the adversarial one."""

    domains: str = ""
    side: int = 128
    batch: int = 4
    reduction: float = 1.3
    naming: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0
    validate: int = 8


class DomainsJob:
    """What the loop asks of a task: its modules, its batches, its losses, its held-out metric and its sheet."""

    protocol = "share of held-out pictures that the discriminator takes for one of the domain they were turned into"
    averaged: tuple[str, ...] = ("network",)
    rivals: tuple[str, ...] = ("discriminator",)

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = chosen = DataOptions(**config.data)
        source = Path(chosen.domains)
        names = list_pictures(source)
        self.names = sorted({PurePosixPath(name).parent.name for name in names} - {""})
        if len(self.names) < 2:
            raise UsageError(f"{source}: expected two folders of pictures or more, one for each domain")
        self.family = config.family
        told = {"num_domains": len(self.names)} if self.family == "stargan" else {"domains": self.names}
        self.network_params = {**config.network, **told, "domains": self.names}
        self._first = 0 if self.family == "stargan" else 1  # the code of the first domain: the U-Net has one for none
        self.modules: dict[str, nn.Module] = {
            "network": family_module(self.family).build(**config.network, **told),
            "discriminator": PatchRival(3, domains=len(self.names)),
        }
        training, held = split_names(names, holdout)
        self._pictures: list[Pictures] = [
            [pixels for _, pixels in read_pictures(source, [n for n in training if PurePosixPath(n).parent.name == domain])]
            for domain in self.names
        ]
        for name, found in zip(self.names, self._pictures, strict=True):
            if not found:
                raise UsageError(f"{source}: no picture to learn {name} from that can be read")
        self._held = [centre_square(p, chosen.side, 1) for _, p in read_pictures(source, held[: chosen.validate])]
        self._made: Tensor | None = None

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        return matrices(self.modules["network"])

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        own = rng.integers(len(self.names), size=self.options.batch)
        squares = []
        for domain in own:
            pictures = self._pictures[int(domain)]
            drawn = pictures[int(rng.integers(len(pictures)))]
            squares.append(cut_square(drawn, self.options.side, self.options.reduction, rng))
        images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()
        wanted = rng.integers(len(self.names), size=self.options.batch)
        return {"images": images, "own": torch.from_numpy(own), "wanted": torch.from_numpy(wanted)}

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        images, network = batch["images"].float() / 255, modules["network"]
        own, wanted = batch["own"] + self._first, batch["wanted"] + self._first
        made = adapt(self.family, network, images, wanted)
        rival: Any = modules["discriminator"]
        opinions, logits = rival.both(made)
        figures = {
            "adversarial": -opinions.mean(),
            "naming": cross_entropy(logits, batch["wanted"]),
            "cycle": (adapt(self.family, network, made, own) - images).abs().mean(),
        }
        loss = figures["adversarial"] + self.options.naming * figures["naming"] + self.options.cycle * figures["cycle"]
        same = own == wanted
        if self.options.identity and bool(same.any()):
            figures["identity"] = (made - images)[same].abs().mean()
            loss = loss + self.options.identity * figures["identity"]
        self._made = made.detach()
        return loss, {name: float(figure.detach()) for name, figure in figures.items()}

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]] | None:
        assert self._made is not None
        rival: Any = modules["discriminator"]
        real, logits = rival.both(batch["images"].float() / 255)
        naming = cross_entropy(logits, batch["own"])
        loss = hinge(real, rival(self._made)) + naming
        return loss, {"discriminator": float(loss.detach()), "naming_real": float(naming.detach())}

    def _turned(self, network: nn.Module, pixels: np.ndarray, domain: int) -> Tensor:
        codes = torch.tensor([domain + self._first], device=next(network.parameters()).device)
        return adapt(self.family, network, to_tensor(pixels, network), codes).clamp(0, 1)

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        rival: Any = self.modules["discriminator"]
        right = []
        for number, pixels in enumerate(self._held):
            domain = number % len(self.names)
            made = self._turned(modules["network"], pixels, domain)
            right.append(int(rival.both(made)[1].argmax()) == domain)
        return {"right": float(np.mean(right))}

    @torch.inference_mode()
    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Rows of (input, every domain), uint8 (H, W, 3)."""
        count = range(len(self.names))
        rows = [np.concatenate([p, *(to_pixels(self._turned(modules["network"], p, d)) for d in count)], 1) for p in self._held]
        return np.concatenate(rows, 0)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), self.network_params

    def card_fields(self) -> dict[str, Any]:
        return {"dtypes": ["float32", "bfloat16"]}
