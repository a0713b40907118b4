"""DDColor: the published table of keys and shapes, loading, leftovers of early files, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from on_tensors import OnTensors
from torch import Tensor

from genkit import cards, models
from genkit.errors import WeightsError
from genkit.models.colorize import ddcolor

CPU = torch.device("cpu")
TINY: dict[str, Any] = {
    "dims": [4, 6, 8, 10],
    "depths": [1, 1, 2, 1],
    "nf": 16,
    "width": 8,
    "queries": 5,
    "layers": 4,
    "hidden": 12,
}
NORM = ("weight", "bias", "running_mean", "running_var")


def published(
    dims: list[int], depths: list[int], nf: int, width: int, queries: int, layers: int, hidden: int
) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the files, from the publishers' network definition."""
    table: dict[str, tuple[int, ...]] = {"mean": (1, 3, 1, 1), "std": (1, 3, 1, 1)}

    def pair(name: str, *shape: int) -> None:
        table[f"{name}.weight"], table[f"{name}.bias"] = shape, shape[:1]

    def batch_norm(name: str, count: int) -> None:
        table.update({f"{name}.{key}": (count,) for key in NORM} | {f"{name}.num_batches_tracked": ()})

    def spectral(name: str, before: int, after: int, side: int, bias: bool) -> None:
        table[f"{name}.weight_orig"] = (after, before, side, side)
        table[f"{name}.weight_u"], table[f"{name}.weight_v"] = (after,), (before * side * side,)
        if bias:
            table[f"{name}.bias"] = (after,)

    encoder = "encoder.arch"
    for level, (dim, depth) in enumerate(zip(dims, depths, strict=True)):
        if level:
            pair(f"{encoder}.downsample_layers.{level}.0", dims[level - 1])
            pair(f"{encoder}.downsample_layers.{level}.1", dim, dims[level - 1], 2, 2)
        else:
            pair(f"{encoder}.downsample_layers.0.0", dim, 3, 4, 4)
            pair(f"{encoder}.downsample_layers.0.1", dim)
        for block in range(depth):
            name = f"{encoder}.stages.{level}.{block}"
            pair(f"{name}.dwconv", dim, 1, 7, 7)
            pair(f"{name}.norm", dim)
            pair(f"{name}.pwconv1", 4 * dim, dim)
            pair(f"{name}.pwconv2", dim, 4 * dim)
            table[f"{name}.gamma"] = (dim,)
        pair(f"{encoder}.norm{level}", dim)
    pair(f"{encoder}.norm", dims[3])
    for level, (before, beside, after) in enumerate(((dims[3], dims[2], nf), (nf, dims[1], nf), (nf, dims[0], nf // 2))):
        name = f"decoder.layers.{level}"
        spectral(f"{name}.shuf.conv.0", before, 4 * after, 1, bias=False)
        batch_norm(f"{name}.shuf.conv.1", 4 * after)
        batch_norm(f"{name}.bn", beside)
        spectral(f"{name}.conv.0", after + beside, after, 3, bias=False)
        batch_norm(f"{name}.conv.2", after)
    spectral("decoder.last_shuf.conv.0", nf // 2, 8 * nf, 1, bias=True)
    name = "decoder.color_decoder"
    for key, count in (("query_feat", queries), ("query_embed", queries), ("level_embed", 3)):
        table[f"{name}.{key}.weight"] = (count, width)
    for level, before in enumerate((nf, nf, nf // 2)):
        pair(f"{name}.input_proj.{level}", width, before, 1, 1)
    for layer in range(layers):
        for kind, part in (("self", "self_attn"), ("cross", "multihead_attn")):
            attention = f"{name}.transformer_{kind}_attention_layers.{layer}"
            table[f"{attention}.{part}.in_proj_weight"] = (3 * width, width)
            table[f"{attention}.{part}.in_proj_bias"] = (3 * width,)
            pair(f"{attention}.{part}.out_proj", width, width)
            pair(f"{attention}.norm", width)
        forward = f"{name}.transformer_ffn_layers.{layer}"
        pair(f"{forward}.linear1", hidden, width)
        pair(f"{forward}.linear2", width, hidden)
        pair(f"{forward}.norm", width)
    pair(f"{name}.decoder_norm", width)
    pair(f"{name}.color_embed.layers.0", width, width)
    pair(f"{name}.color_embed.layers.1", width, width)
    pair(f"{name}.color_embed.layers.2", nf // 2, width)
    spectral("refine_net.0.0", queries + 3, 2, 1, bias=True)
    return table


def published_state(network: ddcolor.DDColor, params: dict[str, Any]) -> dict[str, Tensor]:
    """What our network would look like in a published file."""
    own = network.state_dict()
    return {key: own[ddcolor.own_key(key)].reshape(shape) for key, shape in published(**params).items()}


def card(**params: Any) -> Any:
    return SimpleNamespace(name="tiny", family="ddcolor", params=params, limits={}, options=())


def saved(folder: Path, state: dict[str, Any]) -> dict[str, Path]:
    path = folder / "tiny.pth"
    torch.save({"params": state}, path)
    return {"weights": path}


@pytest.mark.parametrize("name", ["ddcolor", "ddcolor-tiny", "ddcolor-artistic"])
def test_at_full_size_every_published_tensor_has_its_place(name: str) -> None:
    said = dict(cards.find(name, "colorize").params)
    assert said.pop("size") == 512
    table = published(**said)
    state = {key: torch.empty(shape, device="meta") for key, shape in table.items()}
    found = models.recognise(state)
    assert found == ("ddcolor", said)
    with torch.device("meta"):
        network = ddcolor.DDColor(**said)
    ours = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert {key: tuple(value.shape) for key, value in ddcolor.own_state(state).items()} == ours
    assert len(table) == len(ours)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("by_role", [False, True])
def test_a_saved_network_comes_back(early: bool, by_role: bool, tmp_path: Path) -> None:
    network = ddcolor.build(**TINY).eval()
    state = published_state(network, TINY)
    if early:  # before August 2023 the code had a classifier that nothing used
        state |= {"encoder.arch.head_cls.weight": torch.zeros(4, 10), "encoder.arch.head_cls.bias": torch.zeros(4)}
    files = saved(tmp_path, state) if by_role else {"root": saved(tmp_path, state)["weights"].parent}
    model = OnTensors(models.load_model(card(), files, CPU, torch.float32))
    lightness = torch.rand(1, 1, 64, 96) * 100
    with torch.inference_mode():
        ab = model.chroma(lightness)
        again = OnTensors(ddcolor.transform(network, CPU, torch.float32)).chroma(lightness)
    assert ab.shape == (1, 2, 64, 96) and torch.isfinite(ab).all() and ab.abs().max() > 0
    torch.testing.assert_close(ab, again)
    assert (model.size, model.square, model.multiple, model.hints) == (512, True, 32, False)


def test_the_weights_of_the_decoder_are_divided_by_their_spectral_norm() -> None:
    layer = ddcolor.SpectralConv(6, 5, 3, bias=True)
    layer.randomise()
    theirs = torch.nn.utils.spectral_norm(torch.nn.Conv2d(6, 5, 3, padding=1)).eval()
    theirs.load_state_dict(layer.state_dict())
    features = torch.rand(1, 6, 9, 9)
    torch.testing.assert_close(layer(features), theirs(features))
    matrix = layer.weight_orig.detach().flatten(1)
    torch.testing.assert_close(layer.weight_u @ matrix @ layer.weight_v, torch.linalg.matrix_norm(matrix, 2))


def test_every_place_has_a_position_of_its_own() -> None:
    found = ddcolor.positions(torch.zeros(2, 8, 5, 7))
    assert found.shape == (1, 8, 5, 7)
    assert len(found.flatten(2)[0].T.round(decimals=4).unique(dim=0)) == 35
    assert found.abs().max() <= 1
    assert (found[0, :4].std(2) == 0).all() and (found[0, 4:].std(1) == 0).all(), "rows first, then columns"


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "other", "heads"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(change: str, tmp_path: Path) -> None:
    state = published_state(ddcolor.build(**TINY), TINY)
    if change == "missing":
        del state["decoder.layers.1.bn.bias"]
    elif change == "unexpected":
        state["decoder.layers.3.bn.bias"] = torch.zeros(3)
    elif change == "shape":
        state["encoder.arch.stages.2.1.pwconv1.weight"] = torch.zeros(32, 9)
    elif change == "heads":
        state["decoder.color_decoder.query_feat.weight"] = torch.zeros(5, 9)  # no 8 heads in 9
    else:
        state = {"something": torch.zeros(3)}
    with pytest.raises(WeightsError, match=r"tiny\.pth"):
        models.load_model(card(), saved(tmp_path, state), CPU, torch.float32)


def test_a_card_that_says_otherwise_or_a_folder_of_several_is_an_error(tmp_path: Path) -> None:
    files = saved(tmp_path, published_state(ddcolor.build(**TINY), TINY))
    with pytest.raises(WeightsError, match="nf 16, not 512"):
        models.load_model(card(nf=512), files, CPU, torch.float32)
    (tmp_path / "other.pth").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"other\.pth, tiny\.pth"):
        models.load_model(card(), {"root": tmp_path}, CPU, torch.float32)
