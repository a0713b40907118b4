"""VGG-19 as a source of features for style transfer by optimisation, up to relu5_1.

Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (arXiv 1409.1556), used as in
Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style" (arXiv 1508.06576), who average where the network was
trained to take the maximum (`pool`). The layers are torchvision's own (`torchvision.models.vgg19().features`). Read are:

- torchvision's published file, of which the classifier is left out;
- files with the first layers alone, under the same names;
- `input = "caffe"`: weights of the original release under these names, which want BGR from 0 to 255 less a mean. A state dict
  cannot say which of the two it is, so that this is a card's parameter (`genkit models import FILE -O input=caffe`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.errors import WeightsError
from genkit.models.checkpoints import State, open_checkpoint
from genkit.models.style.perceptual import Perceptual

if TYPE_CHECKING:
    from genkit.cards import Card

BLOCKS = (2, 2, 4, 4, 4)  # convolutions before each pooling
CONTENT, STYLE = ("conv4_2",), ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")  # Gatys et al. 2015
DEEPEST = "relu5_1"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR
INPUTS, POOLS = ("imagenet", "caffe"), ("average", "max")
PIXEL_BYTES = 3200  # 320 numbers are kept for the gradients, and as many again are in hand
DTYPES = ("float32",)  # gradients of Gram matrices need the range of float32


def places() -> dict[str, int]:
    """The index of every named layer in `.features`: conv1_1 is 0, relu1_1 is 1."""
    table: dict[str, int] = {}
    place = 0
    for block, count in enumerate(BLOCKS, 1):
        for index in range(1, count + 1):
            table[f"conv{block}_{index}"], table[f"relu{block}_{index}"] = place, place + 1
            place += 2
        place += 1  # the pooling
    return table


PLACES = places()


class Vgg19(nn.Module):
    """The layers up to and with the one called `deepest`, their key names as published (`features.N.weight`)."""

    def __init__(self, deepest: str = DEEPEST, pool: str = "average", input: str = "imagenet"):
        super().__init__()
        from torchvision.models import vgg19

        with torch.device("meta"):  # the classifier, which is left out, would take half a gigabyte
            layers = list(vgg19(weights=None, init_weights=False).features[: PLACES[deepest] + 1])
        self.features = nn.Sequential(*(self._fitted(layer, pool) for layer in layers))
        self.deepest, self.input = deepest, input

    @staticmethod
    def _fitted(layer: nn.Module, pool: str) -> nn.Module:
        if isinstance(layer, nn.ReLU):
            return nn.ReLU()  # torchvision's overwrites the convolution's result, which may be asked for
        if isinstance(layer, nn.Conv2d):
            layer.padding_mode = "replicate"  # with the published zeros, an optimised picture gets coloured rims
        return nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) and pool == "average" else layer

    def stages(self, images: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Every layer by name, from RGB (N, 3, H, W) in [0, 1]."""
        if self.input == "caffe":
            features = images.flip(1) * 255 - images.new_tensor(CAFFE_MEAN).view(1, 3, 1, 1)
        else:
            mean, deviation = (images.new_tensor(one).view(1, 3, 1, 1) for one in (IMAGENET_MEAN, IMAGENET_STD))
            features = (images - mean) / deviation
        names = {place: name for name, place in PLACES.items()}
        for place, layer in enumerate(self.features):
            features = layer(features)
            if place in names:
                yield names[place], features


def build(deepest: str = DEEPEST, pool: str = "average", input: str = "imagenet") -> Vgg19:
    """Build the network with random weights; its widths are what they are, so tests take a shallow one."""
    network = Vgg19(deepest, pool, input).to_empty(device="cpu")
    for layer in network.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters of a file with VGG-19's layers from the first one on, or None."""
    convolutions = sorted(
        int(match[1])
        for key, value in state.items()
        if (match := re.fullmatch(r"features\.(\d+)\.weight", key)) and value.ndim == 4
    )
    known = [place for name, place in PLACES.items() if name.startswith("conv")]
    if not convolutions or convolutions != known[: len(convolutions)] or len(convolutions) < 3:
        return None  # VGG-16 goes another way after relu3_3
    if tuple(state["features.0.weight"].shape) != (64, 3, 3, 3):
        return None
    names = {place: name for name, place in PLACES.items()}
    deepest = names[min(convolutions[-1] + 1, PLACES[DEEPEST])]
    return {"deepest": deepest, "pool": "average", "input": "imagenet"}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Perceptual:
    """Load a published file, or one of its layout.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "VGG-19", recognise, of_card=("input", "pool", "deepest"))
    sizes, deepest = checkpoint.sizes, checkpoint.recognised["deepest"]
    for key, allowed in (("input", INPUTS), ("pool", POOLS), ("deepest", tuple(PLACES))):
        if sizes[key] not in allowed:
            raise WeightsError(f"the card {card.name} says {key} = {sizes[key]!r}", f"it is one of {', '.join(allowed)}")
    if PLACES[sizes["deepest"]] > PLACES[deepest]:
        raise WeightsError(f"{checkpoint.path.name} ends at {deepest}, and the card {card.name} says {sizes['deepest']}")

    def keys(state: State) -> State:
        places = {key: re.match(r"features\.(\d+)\.", key) for key in state}
        return {key: state[key] for key, at in places.items() if at and int(at[1]) <= PLACES[sizes["deepest"]]}

    return perceptual(checkpoint.into(Vgg19, keys), device, dtype)


def perceptual(network: Vgg19, device: torch.device, dtype: torch.dtype) -> Perceptual:
    """The network as the style task calls it; a shallow one takes its deepest layer for the content."""
    last = PLACES[network.deepest]
    content = tuple(name for name in CONTENT if PLACES[name] <= last) or (network.deepest,)
    return Perceptual(
        network,
        Vgg19.stages,  # type: ignore[arg-type]
        layers=tuple(name for name, place in PLACES.items() if place <= last),
        content=content,
        style=tuple(name for name in STYLE if PLACES[name] <= last),
        device=device,
        dtype=dtype,
        minimum=2 ** int(network.deepest[4]),
        pixel_bytes=PIXEL_BYTES,
    )
