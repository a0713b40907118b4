"""Train one network that turns a picture into any of several domains: StarGAN, a folder a domain.

Choi et al. 2018 (arXiv 1711.09020), section 3: the discriminator also says of what domain a picture is; a made picture shall
be taken for one of the asked domain (equations 2 and 3), and going back to its own domain shall give the picture (equation 4).
Asked for its own domain it shall stay as it is. The hinge loss under spectral normalisation takes the place of their gradient
penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genkit.data.names import split_names
from genkit.data.pictures import list_pictures, read_pictures
from genkit.data.squares import centre_square
from genkit.data.tensors import stack, to_pixels
from genkit.errors import UsageError
from genkit.models import family_module
from genkit.train.config import TrainConfig, options_of
from genkit.train.discriminators import PictureDiscriminator, hinge_loss
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, built, figures_of, hidden_convolutions
from genkit.train.translate.networks import Pictures, call, cut_square, to_device


@dataclass(frozen=True)
class DataOptions:
    """`domains` is a folder or zip whose folders are the domains; `side` that of a training square, cut from pictures at up to
    `reduction` times it; `aux_classifier`, `cycle` and `identity` weigh the terms beside the adversarial one."""

    domains: str = ""
    side: int = 128
    batch: int = 4
    reduction: float = 1.3
    aux_classifier: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0
    validate: int = 8


class DomainsJob(Job):
    protocol = "share of held-out pictures that the discriminator takes for one of the domain they were turned into"
    averaged = ("network",)
    dtypes = ("float32", "bfloat16")
    discriminators = ("discriminator",)

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = chosen = options_of(DataOptions, config.data)
        source = Path(chosen.domains)
        names = list_pictures(source)
        self.names = sorted({PurePosixPath(name).parent.name for name in names} - {""})
        if len(self.names) < 2:
            raise UsageError(f"{source}: expected two folders of pictures or more, one for each domain")
        stargan = config.family == "stargan"
        params: dict[str, Any] = {
            **config.network,
            **({"num_domains": len(self.names)} if stargan else {"domains": self.names}),
        }
        self.network_params = {**params, "domains": self.names}
        self._first = 0 if stargan else 1  # the code of the first domain: the U-Net has one for none
        self.modules: Modules = {
            "network": built(family_module(config.family).build, params),
            "discriminator": PictureDiscriminator(classes=len(self.names)),
        }
        self._call = partial(call, config.family)
        training, held = split_names(names, holdout)
        self._pictures: list[Pictures] = [
            [pixels for _, pixels in read_pictures(source, [n for n in training if PurePosixPath(n).parent.name == domain])]
            for domain in self.names
        ]
        for name, pictures in zip(self.names, self._pictures, strict=True):
            if not pictures:
                raise UsageError(f"{source}: no picture to learn {name} from that can be read")
        self._held = [centre_square(p, chosen.side, 1) for _, p in read_pictures(source, held[: chosen.validate])]
        self._fake: Tensor | None = None

    def matrices(self) -> list[Tensor]:
        return hidden_convolutions(self.modules["network"])

    def batch(self, rng: np.random.Generator) -> Batch:
        own = rng.integers(len(self.names), size=self.options.batch)
        squares = []
        for domain in own:
            pictures = self._pictures[int(domain)]
            drawn = pictures[int(rng.integers(len(pictures)))]
            squares.append(cut_square(drawn, self.options.side, self.options.reduction, rng))
        wanted = rng.integers(len(self.names), size=self.options.batch)
        return {"images": stack(squares), "own": torch.from_numpy(own), "wanted": torch.from_numpy(wanted)}

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        images, network, chosen = batch["images"].float() / 255, modules["network"], self.options
        own, wanted = batch["own"] + self._first, batch["wanted"] + self._first
        fake = self._call(network, images, wanted)
        discriminator: Any = modules["discriminator"]
        fake_logits, class_logits = discriminator.classified(fake)
        losses = {
            "adversarial": -fake_logits.mean(),
            "aux_classifier": cross_entropy(class_logits, batch["wanted"]),
            "cycle": (self._call(network, fake, own) - images).abs().mean(),
        }
        loss = losses["adversarial"] + chosen.aux_classifier * losses["aux_classifier"] + chosen.cycle * losses["cycle"]
        same = own == wanted
        if chosen.identity and bool(same.any()):
            losses["identity"] = (fake - images)[same].abs().mean()
            loss = loss + chosen.identity * losses["identity"]
        self._fake = fake.detach()
        return loss, figures_of(losses)

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures]:
        assert self._fake is not None
        return classifying_loss(modules["discriminator"], batch["images"].float() / 255, self._fake, batch["own"])

    def _turned(self, network: nn.Module, pixels: np.ndarray, domain: int) -> Tensor:
        codes = torch.tensor([domain + self._first], device=next(network.parameters()).device)
        return self._call(network, to_device(pixels, network), codes).clamp(0, 1)

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        discriminator: Any = self.modules["discriminator"]
        right = []
        for number, pixels in enumerate(self._held):
            domain = number % len(self.names)
            fake = self._turned(modules["network"], pixels, domain)
            right.append(int(discriminator.classified(fake)[1].argmax()) == domain)
        return {"right": float(np.mean(right))}

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """Rows of (input, every domain), uint8 (H, W, 3)."""
        count = range(len(self.names))
        rows = [np.concatenate([p, *(to_pixels(self._turned(modules["network"], p, d)) for d in count)], 1) for p in self._held]
        return np.concatenate(rows, 0)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), self.network_params


def classifying_loss(discriminator: Any, real: Tensor, fake: Tensor, domains: Tensor) -> tuple[Tensor, Figures]:
    """The hinge loss of a discriminator, and that of its auxiliary classifier on real pictures of `domains` (N,)."""
    real_logits, class_logits = discriminator.classified(real)
    aux_classifier = cross_entropy(class_logits, domains)
    loss = hinge_loss(real_logits, discriminator(fake)) + aux_classifier
    return loss, figures_of({"discriminator": loss, "aux_classifier_real": aux_classifier})
