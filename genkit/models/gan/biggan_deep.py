"""BigGAN-deep: pictures of the classes of ImageNet.

Brock, Donahue, Simonyan 2018, "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (arXiv 1809.11096), the
deep variant of its appendix B. Key names are those of huggingface/pytorch-pretrained-BigGAN (`generator.layers.N...`); this
implementation is our own. Weights under spectral normalisation (`weight_orig`, `weight_u`) are divided by their norm once,
while loading. Batch normalisation has statistics for several truncations from 0 to 1, and those between are interpolated.

z comes from a normal distribution cut off at 2, and is scaled by the truncation; what stands for the class joins it, so w is
(N, 1, 2 z_dim). The publisher's `config.json` may be the file `config` of the card; its `layers` and `eps` may also be
parameters.

Tensors in and out of the network: w (N, 2 z_dim), RGB -1 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, linear, max_pool2d, normalize, relu

from genkit.errors import WeightsError
from genkit.files import read_json
from genkit.models.checkpoints import open_checkpoint
from genkit.models.gan.sampling import Sample

if TYPE_CHECKING:
    from genkit.cards import Card

START = 4  # pixels, on each side
REDUCTION = 4  # a block works at a quarter of its width
FIRST_WIDTH = 16  # times the channel width
EPSILON = 1e-4
TRUNCATION = 0.4
LEAST = 0.02
BOUND = 2.0
IMAGENET = 1000
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


class Statistics(nn.Module):
    """Means and variances (stats, C) at so many truncations from 0 to 1."""

    running_means: Tensor
    running_vars: Tensor

    def __init__(self, channels: int, stats: int, epsilon: float):
        super().__init__()
        self.epsilon = epsilon
        self.register_buffer("running_means", torch.zeros(stats, channels))
        self.register_buffer("running_vars", torch.ones(stats, channels))

    def normalised(self, features: Tensor, truncation: float) -> Tensor:
        place = truncation * (len(self.running_means) - 1)
        below = min(int(place + 1e-6), len(self.running_means) - 1)
        above, share = min(below + 1, len(self.running_means) - 1), max(place - below, 0.0)
        mean, variance = (torch.lerp(one[below], one[above], share) for one in (self.running_means, self.running_vars))
        scale = (variance + self.epsilon).rsqrt()
        return (features - mean[:, None, None]) * scale[:, None, None]


class ConditionalNorm(Statistics):
    """Scale and shift come from w."""

    def __init__(self, channels: int, condition: int, stats: int, epsilon: float):
        super().__init__(channels, stats, epsilon)
        self.scale = nn.Linear(condition, channels, bias=False)
        self.offset = nn.Linear(condition, channels, bias=False)

    def forward(self, features: Tensor, w: Tensor, truncation: float) -> Tensor:
        normalised = self.normalised(features, truncation)
        return normalised * (1 + self.scale(w))[:, :, None, None] + self.offset(w)[:, :, None, None]


class FinalNorm(Statistics):
    """Scale and shift are the layer's own."""

    def __init__(self, channels: int, stats: int, epsilon: float):
        super().__init__(channels, stats, epsilon)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor, truncation: float) -> Tensor:
        return self.normalised(features, truncation) * self.weight[:, None, None] + self.bias[:, None, None]


class Block(nn.Module):
    """Four convolutions with a normalisation before each; the first channels of what came in are added."""

    def __init__(self, before: int, after: int, condition: int, up: bool, stats: int, epsilon: float):
        super().__init__()
        self.up, self.after = up, after
        middle = before // REDUCTION
        widths, kernels = (before, middle, middle, middle, after), (1, 3, 3, 1)
        for place, (inputs, outputs) in enumerate(pairwise(widths)):
            self.add_module(f"bn_{place}", ConditionalNorm(inputs, condition, stats, epsilon))
            self.add_module(f"conv_{place}", nn.Conv2d(inputs, outputs, kernels[place], padding=kernels[place] // 2))

    def forward(self, features: Tensor, w: Tensor, truncation: float) -> Tensor:
        hidden = features
        for place in range(4):
            hidden = relu(self.get_submodule(f"bn_{place}")(hidden, w, truncation))
            if self.up and place == 1:
                hidden = interpolate(hidden, scale_factor=2)
            hidden = self.get_submodule(f"conv_{place}")(hidden)
        kept = features[:, : self.after]
        return hidden + (interpolate(kept, scale_factor=2) if self.up else kept)


class Attention(nn.Module):
    """Each pixel looks at all others (at half the side), and `gamma` says how much of that is added."""

    def __init__(self, width: int):
        super().__init__()
        self.snconv1x1_theta = nn.Conv2d(width, width // 8, 1, bias=False)
        self.snconv1x1_phi = nn.Conv2d(width, width // 8, 1, bias=False)
        self.snconv1x1_g = nn.Conv2d(width, width // 2, 1, bias=False)
        self.snconv1x1_o_conv = nn.Conv2d(width // 2, width, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        asks = self.snconv1x1_theta(features).flatten(2)  # (N, C/8, HW)
        keys = max_pool2d(self.snconv1x1_phi(features), 2).flatten(2)  # (N, C/8, HW/4)
        values = max_pool2d(self.snconv1x1_g(features), 2).flatten(2)  # (N, C/2, HW/4)
        shares = (asks.transpose(1, 2) @ keys).softmax(-1)
        seen = (values @ shares.transpose(1, 2)).unflatten(2, features.shape[2:])
        return features + self.gamma * self.snconv1x1_o_conv(seen)


class Generator(nn.Module):
    """w (N, condition) to pictures. `layers` are (twice the side?, width before, width after) in channel widths."""

    def __init__(
        self, condition: int, width: int, layers: Sequence[Sequence[int]], attention: int | None, stats: int, epsilon: float
    ):
        super().__init__()
        self.width = width
        self.gen_z = nn.Linear(condition, START * START * FIRST_WIDTH * width)
        parts: list[nn.Module] = []
        for place, (up, before, after) in enumerate(layers):
            if place == attention:
                parts.append(Attention(width * before))
            parts.append(Block(width * before, width * after, condition, bool(up), stats, epsilon))
        self.layers = nn.ModuleList(parts)
        self.bn = FinalNorm(width, stats, epsilon)
        self.conv_to_rgb = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, w: Tensor, truncation: float) -> Tensor:
        features = self.gen_z(w).view(len(w), START, START, -1).permute(0, 3, 1, 2)
        for part in self.layers:
            features = part(features) if isinstance(part, Attention) else part(features, w, truncation)
        features = relu(self.bn(features, truncation))
        last = self.conv_to_rgb  # of as many channels as the layer before, of which three are a picture
        assert last.bias is not None
        return conv2d(features, last.weight[:3], last.bias[:3], padding=1).tanh()


class BigGan(nn.Module):
    """z (N, z_dim), class indices (N,) and a truncation to pictures (N, 3, side, side), -1 to 1."""

    def __init__(
        self,
        z_dim: int,
        classes: int,
        width: int,
        layers: Sequence[Sequence[int]],
        attention: int | None = None,
        stats: int = 1,
        epsilon: float = EPSILON,
    ):
        super().__init__()
        self.z_dim, self.classes = z_dim, classes
        self.side = START << sum(bool(layer[0]) for layer in layers)
        self.embeddings = nn.Linear(classes, z_dim, bias=False)
        self.generator = Generator(2 * z_dim, width, layers, attention, stats, epsilon)

    def join(self, z: Tensor, labels: Tensor) -> Tensor:
        """z (N, z_dim), scaled, and what stands for the classes: w (N, 2 z_dim)."""
        rows = nn.functional.one_hot(labels, self.classes).to(self.embeddings.weight.dtype)
        return torch.cat([z.to(rows.dtype), linear(rows, self.embeddings.weight)], 1)

    def forward(self, z: Tensor, labels: Tensor, truncation: float) -> Tensor:
        return self.generator(self.join(z, labels), truncation)


def build(
    z_dim: int = 128,
    classes: int = IMAGENET,
    width: int = 128,
    layers: Sequence[Sequence[int]] = ((0, 16, 16), (1, 16, 16), (0, 16, 8), (1, 8, 1)),
    attention: int | None = None,
    stats: int = 51,
    epsilon: float = EPSILON,
) -> BigGan:
    """Build the generator with random weights. `layers` and `attention` (the place in them before which it lies) as in the
    publisher's configuration; the first width is 16, the last 1, in units of `width` channels."""
    network = BigGan(z_dim, classes, width, layers, attention, stats, epsilon)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.orthogonal_(layer.weight)
    return network


def folded(state: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors with each spectrally normalised weight divided by its norm.

    One step of the power iteration from the stored vector u, as the network was trained with; a stored v is not needed.
    """
    own = dict(state)
    for key in [key for key in state if key.endswith(".weight_orig")]:
        name = key.removesuffix("_orig")
        weight, first = own.pop(key), own.pop(f"{name}_u", None)
        own.pop(f"{name}_v", None)
        own[name] = weight
        if first is not None and weight.device.type != "meta":
            matrix = weight.flatten(1).float()
            norm = (matrix @ normalize(matrix.t() @ first.float(), dim=0)).norm()
            own[name] = weight / norm.clamp_min(1e-12).to(weight.dtype)
    return own


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from a state dict, or return None if it is not of this layout.

    Which blocks double the side no tensor tells: every other one, as published; a configuration overrules that.
    """
    embeddings, final = state.get("embeddings.weight"), state.get("generator.bn.running_means")
    if embeddings is None or final is None or embeddings.ndim != 2 or final.ndim != 2:
        return None
    count = 1 + max((int(match[1]) for key in state if (match := re.match(r"generator\.layers\.(\d+)\.", key))), default=-1)
    width, attention = int(final.shape[1]), None
    layers: list[list[int]] = []
    for place in range(count):
        name = f"generator.layers.{place}"
        if f"{name}.gamma" in state:
            attention = len(layers)
            continue
        before = state.get(f"{name}.bn_0.running_means")
        after = state.get(f"{name}.conv_3.weight_orig", state.get(f"{name}.conv_3.weight"))
        if before is None or after is None or int(before.shape[1]) % width or int(after.shape[0]) % width:
            return None
        layers.append([len(layers) % 2, int(before.shape[1]) // width, int(after.shape[0]) // width])
    if not layers:
        return None
    params: dict[str, Any] = {
        "z_dim": int(embeddings.shape[0]),
        "classes": int(embeddings.shape[1]),
        "width": width,
        "layers": layers,
    }
    return params | ({"attention": attention} if attention is not None else {}) | {"stats": int(final.shape[0])}


def options_of(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of a card."""
    words = "less: fewer failures, less variety"
    truncation = {"type": "float", "default": TRUNCATION, "minimum": LEAST, "maximum": 1.0, "help": words}
    return {"truncation": truncation, "label": {"type": "str", "help": "a class, by name or number"}}


def configured(path: Path) -> dict[str, Any]:
    """`layers` and `epsilon` of a publisher's config.json.

    Raises:
        WeightsError: it is none.
    """
    try:
        raw = read_json(path)
        layers = [[int(bool(up)), int(before), int(after)] for up, before, after in raw["layers"]]
        return {"layers": layers, "epsilon": float(raw["eps"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path.name} is not a configuration of BigGAN ({error!r})", code="card") from error


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Sample:
    """Load a published generator. Without `params.labels` the classes are numbers, but those of ImageNet have their names.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card and its configuration say.
    """
    name = "the generator of BigGAN-deep"
    checkpoint = open_checkpoint(card, files["weights"], name, recognise, of_card=("layers", "epsilon"))
    recognised, configuration = checkpoint.recognised, configured(files["config"]) if "config" in files else {}
    layers = configuration.get("layers", checkpoint.sizes["layers"])
    if [list(one[1:]) for one in layers] != [one[1:] for one in recognised["layers"]]:
        raise WeightsError(f"{checkpoint.path.name} is not what the configuration of {card.name} says: its widths differ")
    names = card.params.get("labels", imagenet() if recognised["classes"] == IMAGENET else recognised["classes"])
    if (names if isinstance(names, int) else len(names)) != recognised["classes"]:
        raise WeightsError(
            f"{card.name}: {checkpoint.path.name} has {recognised['classes']} classes", "params.labels", code="card"
        )
    return sample(checkpoint.into(BigGan, folded, **configuration), device, dtype, names)


def imagenet() -> list[str]:
    """The names of ImageNet's classes, from torchvision."""
    from torchvision.models import ResNet18_Weights

    return list(ResNet18_Weights.DEFAULT.meta["categories"])


def sample(network: BigGan, device: torch.device, dtype: torch.dtype, labels: Sequence[str] | int = 0) -> Sample:
    """The network as the gan task calls it."""
    return Sample(
        network,
        device=device,
        dtype=dtype,
        latent=network.z_dim,
        labels=labels or network.classes,
        side=network.side,
        draw=lambda network, w, noise, truncation: network.generator(w[:, 0].to(network.embeddings.weight.dtype), truncation),
        embed=lambda network, z, labels, truncation: network.join(truncation * z, labels)[:, None],
        bound=BOUND,
        truncation=TRUNCATION,
        least=LEAST,
    )
