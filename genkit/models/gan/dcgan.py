"""DCGAN: a latent becomes a picture through a few convolutions, each twice the side.

Radford, Metz, Chintala 2015, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks"
(arXiv 1511.06434). Two layouts of generators are passed around, and read:

- `transposed`: transposed convolutions one after another in one sequence (`main.0.weight`, ..., as in pytorch/examples; the
  first word and the first number may be others);
- `upsampled`: a linear layer (`l1.0`), then nearest-neighbour upsampling and convolutions (`conv_blocks.N`), as in
  eriklindernoren/PyTorch-GAN; with `label_emb`, the embedding of a class joins the latent.

What tensors cannot tell are parameters: `activation` (relu, or leaky, of slope 0.2), `epsilon` of the normalisation (`epsilon`
is for all but the first of the upsampled layout, which keeps torch's), `order` in which latent and class are joined
(noise-label or label-noise), `output` (tanh for -1 to 1, sigmoid for 0 to 1), `labels`.

Tensors in and out of the network: the latent (N, latent, ...), RGB or grey pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.errors import WeightsError
from genkit.models.checkpoints import open_checkpoint
from genkit.models.gan.sampling import Sample

if TYPE_CHECKING:
    from genkit.cards import Card

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "leaky": lambda: nn.LeakyReLU(0.2)}
OUTPUTS: dict[str, Callable[[], nn.Module]] = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
SPANS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
ORDERS = ("noise-label", "label-noise")
OF_CARD = ("activation", "epsilon", "order", "output")  # parameters that no tensor tells
TORCH_EPSILON = 1e-5
DTYPES = ("float32", "bfloat16")  # float16 has not been tried


class Transposed(nn.Module):
    """(N, latent) to (N, channels, side, side): the first convolution makes `kernels[0]` pixels of one, the others double."""

    def __init__(
        self,
        widths: Sequence[int],
        kernels: Sequence[int],
        norm: str,
        activation: str,
        epsilon: float,
        output: str,
        bias: bool,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        self.side = 1
        for place, kernel in enumerate(kernels):
            step, edge = (2, 1) if place else (1, 0)
            layers.append(nn.ConvTranspose2d(widths[place], widths[place + 1], kernel, step, edge, bias=bias))
            self.side = (self.side - 1) * step - 2 * edge + kernel
            if place + 1 < len(kernels):
                layers += [nn.BatchNorm2d(widths[place + 1], epsilon)] if norm == "batch" else []
                layers.append(ACTIVATIONS[activation]())
        self.main = nn.Sequential(*layers, OUTPUTS[output]())
        self.classes = 0

    def join(self, z: Tensor, labels: Tensor | None) -> Tensor:
        return z

    def forward(self, joined: Tensor) -> Tensor:
        return self.main(joined[:, :, None, None])


class Upsampled(nn.Module):
    """The joined latent and class (N, latent + embedding) to (N, channels, side, side)."""

    def __init__(
        self,
        latent: int,
        widths: Sequence[int],
        start: int,
        channels: int,
        classes: int,
        embedding: int,
        norm: str,
        activation: str,
        epsilon: float,
        order: str,
        output: str,
    ):
        super().__init__()
        self.classes, self.order, self.start = classes, order, start
        self.side = start << (len(widths) - 1)
        if classes:
            self.label_emb = nn.Embedding(classes, embedding)
        self.l1 = nn.Sequential(nn.Linear(latent + embedding, widths[0] * start * start))
        batch = norm == "batch"
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0])] if batch else []
        for before, after in pairwise(widths):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, 1, 1)]
            layers += [nn.BatchNorm2d(after, epsilon)] if batch else []
            layers.append(ACTIVATIONS[activation]())
        self.conv_blocks = nn.Sequential(*layers, nn.Conv2d(widths[-1], channels, 3, 1, 1), OUTPUTS[output]())

    def join(self, z: Tensor, labels: Tensor | None) -> Tensor:
        if not self.classes:
            return z
        embedded = self.label_emb(labels).float()
        return torch.cat([z, embedded] if self.order == "noise-label" else [embedded, z], 1)

    def forward(self, joined: Tensor) -> Tensor:
        projected = self.l1(joined)
        return self.conv_blocks(projected.view(projected.shape[0], -1, self.start, self.start))


Network = Transposed | Upsampled


def build(
    layout: str = "transposed",
    latent: int = 100,
    widths: Sequence[int] = (512, 256, 128, 64),
    kernels: Sequence[int] = (4, 4, 4, 4, 4),
    start: int = 7,
    channels: int = 3,
    classes: int = 0,
    embedding: int = 0,
    norm: str = "batch",
    activation: str = "relu",
    epsilon: float | None = None,
    order: str = "noise-label",
    output: str = "tanh",
    bias: bool = False,
) -> Network:
    """Build a generator with the authors' random start: normal weights of deviation 0.02.

    Transposed: `kernels`, one more than `widths`; `bias` of its convolutions. Upsampled: the side `start` before the first
    doubling, `classes` and the length `embedding` of each. Widths are those between the layers.

    Raises:
        ValueError: a word that is not known, or a layout without classes asked for some.
    """
    known: dict[str, tuple[str, Collection[str]]]
    known = {"activation": (activation, ACTIVATIONS), "output": (output, OUTPUTS), "order": (order, ORDERS)}
    known |= {"norm": (norm, ("batch", "none")), "layout": (layout, ("transposed", "upsampled"))}
    for name, (word, words) in known.items():
        if word not in words:
            raise ValueError(f"{name} {word!r} is not one of {', '.join(words)}")
    network: Network
    if layout == "transposed":
        if classes or len(kernels) != len(widths) + 1:
            raise ValueError("the transposed layout has no classes, and one more kernel than widths")
        epsilon = TORCH_EPSILON if epsilon is None else epsilon
        network = Transposed((latent, *widths, channels), kernels, norm, activation, epsilon, output, bias)
    else:
        epsilon = 0.8 if epsilon is None else epsilon  # as published: meant for the momentum
        sizes = (latent, widths, start, channels, classes, embedding)
        network = Upsampled(*sizes, norm, activation, epsilon, order, output)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.02)
    return network


def own_keys(state: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors of a transposed generator as `main.0...`; others under their own names."""
    matches = [re.fullmatch(r"((?:\w+\.)*?\w+)\.(\d+)\.(\w+)", key) for key in state]
    words = {one[1] for one in matches if one}
    if not state or None in matches or len(words) != 1:
        return dict(state)
    first = min(int(one[2]) for one in matches if one)
    return {f"main.{int(one[2]) - first}.{one[3]}": state[key] for key, one in zip(state, matches, strict=True) if one}


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from a state dict, or return None if it is of neither layout. What it cannot tell is as published."""
    if "l1.0.weight" in state and any(key.startswith("conv_blocks.") for key in state):
        return _upsampled(state)
    return _transposed(own_keys(state))


def _transposed(state: Mapping[str, Any]) -> dict[str, Any] | None:
    first = state.get("main.0.weight")
    if first is None or first.ndim != 4 or any(not key.startswith("main.") for key in state):
        return None
    places = sorted(int(key.split(".")[1]) for key, one in state.items() if key.endswith(".weight") and one.ndim == 4)
    norm = "batch" if any(key.endswith("running_mean") for key in state) else "none"
    if len(places) < 2 or places != [place * (3 if norm == "batch" else 2) for place in range(len(places))]:
        return None
    weights = [state[f"main.{place}.weight"] for place in places]
    chain = all(before.shape[1] == after.shape[0] for before, after in pairwise(weights))
    square = all(one.shape[2] == one.shape[3] for one in weights)
    kernels = [int(one.shape[2]) for one in weights]
    # an even kernel doubles the side, one of 3 gives one pixel less; larger ones are padded in ways that nothing tells
    if (
        not chain
        or not square
        or any(kernel not in (3, 4) for kernel in kernels[1:])
        or int(weights[-1].shape[1]) not in (1, 3)
    ):
        return None
    return {
        "layout": "transposed",
        "latent": int(first.shape[0]),
        "widths": [int(one.shape[0]) for one in weights[1:]],
        "kernels": kernels,
        "channels": int(weights[-1].shape[1]),
        "norm": norm,
        "bias": "main.0.bias" in state,
        "activation": "relu",
        "epsilon": TORCH_EPSILON,
        "output": "tanh",
    }


def _upsampled(state: Mapping[str, Any]) -> dict[str, Any] | None:
    places = sorted(
        int(key.split(".")[1])
        for key, one in state.items()
        if key.startswith("conv_blocks.") and key.endswith(".weight") and one.ndim == 4
    )
    norm = "batch" if "conv_blocks.0.running_mean" in state else "none"
    step, offset = (4, 2) if norm == "batch" else (3, 1)
    doublings = len(places) - 1
    last = step * doublings + (1 if norm == "batch" else 0)
    linear, embedded = state["l1.0.weight"], state.get("label_emb.weight")
    if doublings < 1 or places != [*(offset + step * place for place in range(doublings)), last] or linear.ndim != 2:
        return None
    weights = [state[f"conv_blocks.{place}.weight"] for place in places]
    widths = [int(one.shape[1]) for one in weights]
    start = round((int(linear.shape[0]) / widths[0]) ** 0.5)
    embedding = int(embedded.shape[1]) if embedded is not None else 0
    if widths[0] * start * start != int(linear.shape[0]) or int(linear.shape[1]) <= embedding:
        return None
    return {
        "layout": "upsampled",
        "latent": int(linear.shape[1]) - embedding,
        "widths": widths,
        "start": start,
        "channels": int(weights[-1].shape[0]),
        "classes": int(embedded.shape[0]) if embedded is not None else 0,
        "embedding": embedding,
        "norm": norm,
        "activation": "leaky",
        "epsilon": 0.8,
        "order": "label-noise",
        "output": "tanh",
    }


def options_of(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of a card."""
    return {"label": {"type": "str", "help": "a class, by name or number"}} if params.get("classes") else {}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Sample:
    """Load a generator of either layout; what its tensors do not tell is taken from the card's parameters.

    Raises:
        WeightsError: unreadable, of neither layout, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "a DCGAN generator", recognise, of_card=OF_CARD)
    sizes, classes = checkpoint.sizes, checkpoint.recognised.get("classes", 0)
    names = card.params.get("labels", classes)
    if (names if isinstance(names, int) else len(names)) != classes:
        raise WeightsError(f"{card.name}: {checkpoint.path.name} has {classes} classes", "params.labels", code="card")
    try:
        network = checkpoint.into(build, own_keys)
    except ValueError as error:
        raise WeightsError(f"{card.name}: {error}", code="card") from error
    return sample(network, device, dtype, sizes["latent"], sizes["channels"], names, SPANS[sizes["output"]])


def sample(
    network: Network,
    device: torch.device,
    dtype: torch.dtype,
    latent: int,
    channels: int = 3,
    labels: Sequence[str] | int = 0,
    span: tuple[float, float] = (-1.0, 1.0),
) -> Sample:
    """The network as the gan task calls it."""
    return Sample(
        network,
        device=device,
        dtype=dtype,
        latent=latent,
        labels=labels,
        side=network.side,
        channels=max(3, channels),
        span=span,
        draw=_draw,
        embed=_embed,
    )


def _embed(network: Network, z: Tensor, labels: Tensor | None, truncation: float) -> Tensor:
    return network.join(z, labels)[:, None]


def _draw(network: Network, w: Tensor, noise: Any, truncation: float) -> Tensor:
    return network(w[:, 0].to(next(network.parameters()).dtype))
