"""The cut-out network that ships: sizes from its tensors, masks of any size, and the published features it begins with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from family_files import CPU, card_of, check_files, saved, spread
from on_tensors import OnTensors
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, pad, relu6

from genkit.models.cutout import cutter
from genkit.nets import efficientnet

SIZES: dict[str, Any] = {
    "widths": [2, 3, 4, 4, 5, 6],
    "blocks": [1, 2, 1, 1, 1, 1],
    "rises": [6, 5, 4, 4],
    "stem": 4,
    "expansion": 2,
}


def test_files(tmp_path: Path) -> None:
    made = spread(cutter.build(**SIZES))
    check_files(cutter, "cutter", made, SIZES, tmp_path, {"rises": [7, 5, 4, 4]}, "the cut-out network")


@pytest.mark.parametrize("size", [(64, 64), (40, 91), (7, 5)])
def test_a_mask_has_the_pictures_size(tmp_path: Path, size: tuple[int, int]) -> None:
    model = OnTensors(
        cutter.load(card_of(size=64), saved(tmp_path, spread(cutter.build(**SIZES)).state_dict()), CPU, torch.float32)
    )
    mask = model(torch.rand(2, 3, *size))
    assert mask.shape == (2, 1, *size) and mask.dtype == torch.float32
    assert float(mask.min()) >= 0 and float(mask.max()) <= 1 and model.size == 64


def test_logits_have_the_side_of_the_picture() -> None:
    assert cutter.build(**SIZES)(torch.rand(1, 3, 96, 64)).shape == (1, 1, 96, 64)


def published(widths: Sequence[int] = efficientnet.WIDTHS, stem: int = efficientnet.STEM) -> dict[str, Tensor]:
    """An EfficientNet-Lite0 of these widths, by its published names."""
    state: dict[str, Tensor] = {}

    def put(conv: str, norm: str, *shape: int) -> None:
        state[f"{conv}.weight"] = torch.randn(shape) / (shape[1] * shape[2] * shape[3]) ** 0.5
        for part in ("weight", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(shape[0]) + 0.5
        for part in ("bias", "running_mean"):
            state[f"{norm}.{part}"] = torch.randn(shape[0]) * 0.1

    put("_conv_stem", "_bn0", stem, 3, 3, 3)
    before, number = stem, 0
    for stage, (width, count, side) in enumerate(zip(widths, efficientnet.BLOCKS, efficientnet.KERNELS, strict=True)):
        for _ in range(count):
            inner, name = before * (efficientnet.EXPANSION if stage else 1), f"_blocks.{number}."
            if stage:
                put(f"{name}_expand_conv", f"{name}_bn0", inner, before, 1, 1)
            put(f"{name}_depthwise_conv", f"{name}_bn1", inner, 1, side, side)
            put(f"{name}_project_conv", f"{name}_bn2", width, inner, 1, 1)
            before, number = width, number + 1
    return state


def test_published_features_are_those_of_the_way_down() -> None:
    torch.manual_seed(0)
    state = published()
    network = cutter.build().eval()
    found = efficientnet.from_published(state, cutter.BLOCKS)
    own = network.state_dict()
    assert set(found) == {key for key in own if key.startswith(("stem.", "stages."))}
    network.load_state_dict({**own, **found})

    def normed(values: Tensor, name: str) -> Tensor:
        running = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return batch_norm(values, *running, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3)

    images = torch.rand(1, 3, 64, 64) * 2 - 1
    # TensorFlow's SAME with stride 2 pads at the right and below
    first = relu6(normed(conv2d(pad(images, (0, 1, 0, 1)), state["_conv_stem.weight"], stride=2), "_bn0"))
    deep = relu6(normed(conv2d(first, state["_blocks.0._depthwise_conv.weight"], padding=1, groups=32), "_blocks.0._bn1"))
    wanted = normed(conv2d(deep, state["_blocks.0._project_conv.weight"]), "_blocks.0._bn2")
    with torch.no_grad():
        assert torch.allclose(network.stages[0](relu6(efficientnet.same(images, network.stem))), wanted, atol=1e-4)
    assert efficientnet.from_published({"conv1.weight": torch.zeros(1)}, cutter.BLOCKS) == {}
