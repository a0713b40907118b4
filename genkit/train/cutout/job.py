"""Train the cut-out network: on composites whose mask is known, and on what a published network takes for the subject.

Three kinds of squares make a batch. Scenes: opaque pictures with the mask that the teacher gives them. Subjects: what the
teacher finds cleanly in one scene, cut out and put before another. Drawn: pictures with transparency (icons) before a scene. A
scene that serves as a background brings its own mask where nothing covers it, so what is a subject does not depend on where it
came from. The loss is binary cross entropy and a soft intersection over union (Qin et al. 2019, BASNet, section 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from genkit.data.composites import composite, measured_composites, overlap, read_subjects, subject_of
from genkit.data.pictures import Source, list_pictures, read_pictures, split_sources
from genkit.data.tensors import stack, to_tensor
from genkit.errors import UsageError
from genkit.models.cutout import cutter
from genkit.nets import efficientnet
from genkit.train.config import TrainConfig, options_of
from genkit.train.cutout.targets import soft_targets
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, built, figures_of

KINDS = ("scenes", "subjects", "drawn")


@dataclass(frozen=True)
class DataOptions:
    """`side` is that of a training square in pixels. `shares` say how often a square is a scene, a scene's subject before
    another, or a drawn subject. `teacher` names a model or a file of one, which sees scenes at `teacher_side`; `targets` is a
    file that keeps what it found. Of each source about `most` scenes are taken, and none whose name matches a pattern of
    `leave_out`. `frozen` stages of the way down, and the stem, stay as they began; `union` weighs that term of the loss."""

    side: int = 224
    batch: int = 8
    shares: tuple[float, ...] = (0.45, 0.25, 0.3)
    teacher: str = "u2netp"
    teacher_side: int = 256
    targets: str = ""
    leave_out: tuple[str, ...] = ()
    most: int = 250
    longest: int = 512
    frozen: int = 2
    union: float = 0.5
    validate: int = 60
    validate_scenes: int = 24


class CutoutJob(Job):
    averaged = ("network",)

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = options_of(DataOptions, config.data)
        if len(self.options.shares) != len(KINDS):
            raise UsageError("data.shares: three numbers, of scenes, their subjects and drawn ones")
        self.network_params = dict(config.network)
        network: cutter.Cutter = built(cutter.build, config.network)
        network.hold(self.options.frozen)
        self.modules: Modules = {"network": network}
        drawn = [source for source in data if transparent(source)]
        opaque = [source for source in data if source not in drawn]
        if not opaque:
            raise UsageError(
                f"{', '.join(map(str, data))}: no pictures without transparency, to put others before",
                "--data photos --data icons",
            )
        sources = split_sources(opaque, holdout, self.options.leave_out)
        self._scenes = [self._reduced(pixels) for source in sources for pixels in self._spread(source).training_pictures()]
        held = [self._reduced(pixels) for source in sources for pixels in source.held_pictures(self.options.validate)]
        checked = held[: self.options.validate_scenes]
        teacher = self.options.teacher
        masks = soft_targets([*self._scenes, *checked], teacher, self.options.teacher_side, self.options.targets)
        self._masks, held_masks = masks[: len(self._scenes)], masks[len(self._scenes) :]
        self._subjects = [each for each in map(self._clean_subject, self._scenes, self._masks) if each is not None]
        self._drawn = [subject for source in drawn for subject in read_subjects(source, held=False)]
        truths = [subject for source in drawn for subject in read_subjects(source, held=True)] or self._subjects
        side = self.options.side
        self._held = measured_composites(truths, held, self.options.validate, side) if truths else []
        self._held_scenes = [
            (_square(pixels, side), _square(mask, side) / np.float32(255))
            for pixels, mask in zip(checked, held_masks, strict=True)
        ]
        shares = np.array(self.options.shares) * [1, bool(self._subjects), bool(self._drawn)]
        self._shares = shares / shares.sum()
        self.protocol = (
            f"intersection over union at one half, mean: {len(self._held)} composites of held-out subjects (one name in "
            f"twenty) before held-out photographs, {side} pixels; scenes: against {Path(teacher).stem} on {len(checked)} "
            "held-out photographs"
        )

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return efficientnet.from_published(state, cutter.BLOCKS) or state

    def matrices(self) -> list[Tensor]:
        """Of the way up alone: what was learnt before goes on slowly, by AdamW."""
        network = self.modules["network"]
        return [rise.get_submodule(name).weight for rise in network.rises for name in ("mix", "point")]  # type: ignore[union-attr]

    def _spread(self, source: Source) -> Source:
        """As many of a source's names as are taken, from all over it."""
        step = max(1, -(-len(source.training) // self.options.most))
        return replace(source, training=source.training[::step])

    def _reduced(self, pixels: np.ndarray) -> np.ndarray:
        from PIL import Image

        scale = self.options.longest / max(pixels.shape[:2])
        if scale >= 1:
            return pixels
        size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))

    @staticmethod
    def _clean_subject(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
        """The subject of a scene, uint8 (H, W, 4), where the teacher was sure of it and it is not cut off at the border."""
        share = mask.astype(np.float32) / 255
        doubt = float((4 * share * (1 - share)).mean()) / max(1e-3, float(share.mean()))
        border = np.concatenate([share[0], share[:, 0], share[:, -1]])
        if doubt > 0.25 or not 0.03 < share.mean() < 0.7 or border.mean() > 0.05:
            return None
        return subject_of(np.dstack([pixels, _fitted(mask, pixels.shape)]))

    def batch(self, rng: np.random.Generator) -> Batch:
        pictures, masks = [], []
        for kind in rng.choice(KINDS, self.options.batch, p=self._shares):
            picture, mask = self._scene(rng) if kind == "scenes" else self._composite(rng, kind)
            pictures.append(picture)
            masks.append(mask)
        return {"images": stack(pictures), "masks": torch.from_numpy(np.stack(masks))[:, None]}

    def _scene(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        picture, mask = self._view(int(rng.integers(len(self._scenes))), rng, (0.7, 1.0))
        if rng.random() < 0.08:
            picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
        gain = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.04, 3))
        noisy = picture * gain + rng.normal(0, rng.uniform(0, 5), picture.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), mask

    def _composite(self, rng: np.random.Generator, kind: str) -> tuple[np.ndarray, np.ndarray]:
        subjects = self._subjects if kind == "subjects" else self._drawn
        # a place with little in it that could be a subject, of several
        views = [self._view(int(place), rng, (0.3, 0.8)) for place in rng.integers(0, len(self._scenes), 3)]
        behind, around = min(views, key=lambda view: float(view[1].mean()))
        picture, alpha = composite(subjects[int(rng.integers(len(subjects)))], behind, rng)
        return picture, np.maximum(alpha, around * (1 - alpha)).astype(np.float32)

    def _view(self, place: int, rng: np.random.Generator, shares: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """A part of a scene squeezed to a square, uint8 (S, S, 3), and its mask float32 (S, S)."""
        from PIL import Image

        pixels, mask, side = self._scenes[place], self._masks[place], self.options.side
        across, down = rng.uniform(*shares, 2)
        left, top = rng.uniform(0, 1 - across), rng.uniform(0, 1 - down)
        pair = []
        for array in (pixels, mask):
            height, width = array.shape[:2]
            box = (left * width, top * height, (left + across) * width, (top + down) * height)
            way = Image.Resampling.BILINEAR
            pair.append(np.asarray(Image.fromarray(array).resize((side, side), way, box=box, reducing_gap=2.0)))
        picture, found = pair
        if rng.integers(2):
            picture, found = picture[:, ::-1], found[:, ::-1]
        return np.ascontiguousarray(picture), found.astype(np.float32) / 255

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        images = _prepared(batch["images"].float() / 255).contiguous(memory_format=torch.channels_last)
        masks = batch["masks"].float()
        logits = modules["network"](images)
        found = logits.sigmoid()
        both = (found * masks).sum((1, 2, 3))
        union = (found + masks - found * masks).sum((1, 2, 3))
        losses = {
            "entropy": binary_cross_entropy_with_logits(logits, masks),
            "union": (1 - (both + 1) / (union + 1)).mean(),
        }
        return losses["entropy"] + self.options.union * losses["union"], figures_of(losses)

    @torch.inference_mode()
    def _found(self, modules: Modules, pixels: np.ndarray) -> np.ndarray:
        network = modules["network"]
        images = _prepared(to_tensor(pixels, next(network.parameters()).device))
        return network(images).sigmoid()[0, 0].cpu().numpy()

    def evaluate(self, modules: Modules) -> Figures:
        figures = {}
        for name, pairs in (("iou", self._held), ("iou_scenes", self._held_scenes)):
            if pairs:
                figures[name] = float(np.mean([overlap(self._found(modules, picture), mask) for picture, mask in pairs]))
        return figures

    def sheet(self, modules: Modules) -> np.ndarray:
        """Rows of (picture, true mask, mask), uint8 (H, W, 3)."""
        rows = []
        for picture, mask in [*self._held[:6], *self._held_scenes[:6]]:
            masks = [
                np.repeat((each[..., None] * 255).round().astype(np.uint8), 3, 2)
                for each in (mask, self._found(modules, picture))
            ]
            rows.append(np.concatenate([picture, *masks], 1))
        return np.concatenate(rows, 0)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), {**self.network_params, "size": self.options.side}


def transparent(source: Path) -> bool:
    """Whether a folder or zip is one of pictures with transparency around them: the first few tell."""
    first = list_pictures(source)[:5]
    return any(bool((pixels[..., 3] < 128).any()) for _, pixels in read_pictures(source, first, "RGBA"))


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX))


def _fitted(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(mask).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _prepared(images: Tensor) -> Tensor:
    return (images - efficientnet.MEAN) / efficientnet.STD
