"""Magenta's style networks, out of ONNX files whose weights are taken out and run by networks of our own, at any size.

`magenta-arbitrary`: two files in eight bits (`predictor`, MobileNetV2, a style picture to 100 numbers; `weights`, the
transformer), converted from TensorFlow Lite, exported for pictures of 256 and 384 pixels. The files also round what goes from
layer to layer to eight bits; here that stays as it is, which is nearer to what was trained. `magenta-26`: one file with the
scales and shifts of 26 styles.

Tensors stand in the files by the names that their layers had; each must be there, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.errors import WeightsError
from genkit.models.bounds import bounded_parts
from genkit.models.checkpoints import fit
from genkit.models.shapes.style import Code
from genkit.models.style.conditional import EPSILON, STRIDE, Statistics, StyleTransformer
from genkit.models.style.style_predictor import CODE, SETTINGS, StylePredictor
from genkit.models.style.stylizing import Stylize
from genkit.weights.foreign.onnx_initialisers import read_onnx
from genkit.weights.foreign.onnx_quantised import dequantised

if TYPE_CHECKING:
    from genkit.cards import Card

DTYPES = ("float32", "bfloat16")
PIXEL_BYTES = 1024
STYLE_SIDE = 256  # pixels that the predictor learnt from
WEIGHT = {"weights": "weight", "depthwise_weights": "weight", "Conv2D_bias": "bias", "depthwise_bias": "bias"}
ARBITRARY = re.compile(
    r"(?P<style>style_params/)?transformer/(?:contract/conv(?P<down>[1-3])|residual/residual(?P<block>\d+)/conv(?P<half>[12])"
    r"|expand/conv(?P<up>[1-3])/conv)(?:/StyleNorm/(?P<mark>Conv|Conv_1))?/(?P<kind>weights|Conv2D_bias)"
)
SEVERAL = re.compile(
    r"(?:contract\.(?P<down>[0-2])|res\.(?P<block>\d+)\.(?P<half>[01])|expand\.(?P<up>[0-2]))\.(?P<kind>w|norm\.gamma|norm\.beta)"
)
PREDICTOR = re.compile(
    r"(?:MobilenetV2/(?:Conv|(?P<last>Conv_1)|expanded_conv(?:_(?P<block>\d+))?/(?P<part>expand|depthwise|project))"
    r"|(?P<code>mobilenet_conv/Conv))/(?P<kind>weights|depthwise_weights|Conv2D_bias|depthwise_bias)"
)


def build(
    code: int = CODE,
    contract: Sequence[int] = (8, 16, 32),
    blocks: int = 5,
    expand: Sequence[int] = (16, 8),
    normed: bool = False,
) -> StyleTransformer:
    """Build a transformer with random weights."""
    return StyleTransformer(code, contract, blocks, expand, normed=normed)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: the files are ONNX, no state dicts, and the names of styles are in none of them."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Stylize:
    """Load `weights` and, for a model of any style, `predictor`.

    Raises:
        WeightsError: unreadable, of another network, or not what the card says.
    """
    path = files["weights"]
    if card.params.get("own_style"):
        network = _transformer(*_several(path), path)
        styles = next((one.choices for one in card.options if one.name == "style"), ())
        if len(styles) != network.code:
            raise WeightsError(f"{card.toml}: options.style must name {network.code} styles", code="card")
        return Several(network, styles, device, dtype)
    if "predictor" not in files:
        raise WeightsError(f"{card.toml}: files.predictor is missing", code="card")
    return transform(_predictor(files["predictor"]), _transformer(*_arbitrary(path), path), device, dtype)


class Arbitrary(nn.Module):
    def __init__(self, predictor: StylePredictor, transformer: StyleTransformer):
        super().__init__()
        self.predictor, self.transformer = predictor, transformer


class Several(Stylize):
    """A model of a number of styles of its own, one of which its option `style` chooses."""

    def __init__(self, network: StyleTransformer, styles: Sequence[str], device: torch.device, dtype: torch.dtype):
        super().__init__(network, device=device, dtype=dtype, style=None, **_stages(network, lambda module: module))
        self.styles = tuple(styles)

    def own_code(self, options: Mapping[str, Any]) -> Code:
        shares = np.zeros((1, len(self.styles), 1, 1), np.float32)
        shares[0, self.styles.index(str(options.get("style", self.styles[0])))] = 1
        return [shares]


def transform(predictor: StylePredictor, transformer: StyleTransformer, device: torch.device, dtype: torch.dtype) -> Stylize:
    """The two networks as the style task calls them."""
    network = Arbitrary(predictor, transformer)
    return Stylize(
        network,
        device=device,
        dtype=dtype,
        style=lambda network, images: [network.predictor(images)],
        **_stages(transformer, lambda module: module.transformer),
        style_side=STYLE_SIDE,
    )


def _stages(network: StyleTransformer, inner: Any) -> dict[str, Any]:
    """What a picture in tiles takes: a round for each normalisation, then the result."""

    def entering(
        module: Any, images: Tensor, code: Sequence[Tensor], known: Sequence[Statistics], *, stop: int
    ) -> list[Tensor]:
        return [inner(module)(images, code[0], known, stop)]

    return {
        "rounds": [partial(entering, stop=place) for place in network.rounds],
        "render": lambda module, images, code, known: inner(module)(images, code[0], known),
        "whole": lambda module, images, code: inner(module)(images, code[0]),
        "multiple": STRIDE,
        "receptive": network.receptive,
        "pixel_bytes": PIXEL_BYTES,
        "epsilon": EPSILON,
        "unbiased": False,
    }


# --- the files ----------------------------------------------------------------------------------------------------------


def _transformer(state: Mapping[str, Tensor], normed: bool, path: Path) -> StyleTransformer:
    """A transformer of the sizes that its tensors have."""
    convs = [state.get(f"layers.{place}.conv.weight") for place in range(len(state))]
    found = [one for one in convs if one is not None]
    scale = state.get("layers.3.scale.weight")
    blocks, rest = divmod(len(found) - 6, 2)
    if blocks < 1 or rest or scale is None or convs[: len(found)] != found or any(one.ndim != 4 for one in found):
        raise WeightsError(f"{path.name} is no style transformer of Magenta's", code="not-a-checkpoint")
    widths = [int(one.shape[0]) for one in found]
    with torch.device("meta"), bounded_parts(len(state), path):
        network = build(int(scale.shape[-1]), widths[:3], blocks, widths[-3:-1], normed)
    fit(network, state, path, "a style transformer of Magenta's")
    return network


def _place(match: re.Match[str], blocks: int, first: int) -> int:
    """Which layer a name is of; `first` is what its counting begins with."""
    if match["down"]:
        return int(match["down"]) - first
    if match["up"]:
        return 3 + 2 * blocks + int(match["up"]) - first
    return 3 + 2 * (int(match["block"]) - first) + int(match["half"]) - first


def _matched(names: Mapping[str, Any], pattern: re.Pattern[str], path: Path, what: str) -> dict[str, re.Match[str]]:
    matches = {name: match for name in names if (match := pattern.fullmatch(name))}
    if not matches:
        raise WeightsError(f"{path.name} is no {what} of Magenta's", code="not-a-checkpoint")
    if strange := [name for name in names if name not in matches]:
        raise WeightsError(f"{path.name}: holds an unknown {min(strange)[:80]}", "fetch it again", code="damaged")
    return matches


def _arbitrary(path: Path) -> tuple[dict[str, Tensor], bool]:
    """The transformer of any style, by our names. The biases in front of normalisations are nothing, and shared."""
    weights = dequantised(read_onnx(path), path)
    epsilons = [name for name in weights if name.endswith("/StyleNorm/batchnorm/add/y")]
    for name in epsilons:
        if not torch.allclose(weights.pop(name), torch.tensor(EPSILON)):
            raise WeightsError(f"{path.name}: its variances are not kept above {EPSILON}", "fetch it again", code="damaged")
    matches = _matched(weights, ARBITRARY, path, "style transformer")
    blocks = max((int(match["block"]) for match in matches.values() if match["block"]), default=0)
    state: dict[str, Tensor] = {}
    for name, match in matches.items():
        layer, value = f"layers.{_place(match, blocks, 1)}", weights[name]
        if match["mark"]:
            part = {"Conv": "shift", "Conv_1": "scale"}[match["mark"]]
            state[f"{layer}.{part}.{WEIGHT[match['kind']]}"] = value.flatten(1) if match["kind"] == "weights" else value
        elif match["kind"] == "Conv2D_bias" and not match["down"]:
            if value.any():
                raise WeightsError(f"{path.name}: {name} is not nothing", "fetch it again", code="damaged")
        else:
            state[f"{layer}.conv.{WEIGHT[match['kind']]}"] = value
    return state, False


def _several(path: Path) -> tuple[dict[str, Tensor], bool]:
    """The transformer of a number of styles, by our names; the constants of its export have names with a slash."""
    held = {
        name: value
        for name, value in read_onnx(path).initialisers.items()
        if value.is_floating_point() and not name.startswith("/")
    }
    matches = _matched(held, SEVERAL, path, "network of several styles")
    blocks = 1 + max((int(match["block"]) for match in matches.values() if match["block"]), default=0)
    parts = {"w": "conv", "norm.gamma": "scale", "norm.beta": "shift"}
    state = {}
    for name, match in matches.items():
        value = held[name] if match["kind"] == "w" else held[name].T.contiguous()  # (styles, channels) to those of a layer
        state[f"layers.{_place(match, blocks, 0)}.{parts[match['kind']]}.weight"] = value
    return state, True


def _predictor(path: Path) -> StylePredictor:
    weights = dequantised(read_onnx(path), path)
    state = {}
    for name, match in _matched(weights, PREDICTOR, path, "style predictor").items():
        kind = WEIGHT[match["kind"]]
        if match["part"]:
            state[f"blocks.{match['block'] or 0}.{match['part']}.{kind}"] = weights[name]
        else:
            state[f"{'code' if match['code'] else 'last' if match['last'] else 'stem'}.{kind}"] = weights[name]
    try:
        sizes = {name: int(state[f"{name}.weight"].shape[0]) for name in ("code", "stem", "last")}
        settings = _settings(state)
    except (KeyError, IndexError) as error:
        raise WeightsError(f"{path.name}: a layer of a style predictor is missing", "fetch it again", code="damaged") from error
    with torch.device("meta"), bounded_parts(len(state), path):
        network = StylePredictor(**sizes, settings=settings)
    fit(network, state, path, "a style predictor of Magenta's")
    return network


def _settings(state: Mapping[str, Tensor]) -> list[tuple[int, int, int, int]]:
    """The blocks one by one, their widths as the tensors have them and their strides as MobileNetV2 has them."""
    strides = [stride if place == 0 else 1 for _, _, count, stride in SETTINGS for place in range(count)]
    count = sum(key.endswith(".project.weight") for key in state)
    settings = []
    for place in range(count):
        after, wide = state[f"blocks.{place}.project.weight"].shape[:2]
        expand = state.get(f"blocks.{place}.expand.weight")
        settings.append((1 if expand is None else wide // max(expand.shape[1], 1), int(after), 1, strides[place]))
    return settings
