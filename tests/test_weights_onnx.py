"""ONNX files are read for their tensors and the order of their layers, and for nothing else."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import onnx_files as make
import pytest
import torch

from genkit.errors import WeightsError
from genkit.weights.foreign.onnx_initialisers import is_onnx, read_onnx

NETWORK = {"b.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2), "b.bias": np.ones(2, np.float32)}


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    return path


def a_tensor(tmp_path: Path, proto: bytes) -> torch.Tensor:
    return next(iter(read_onnx(written(tmp_path, make.model(make.graph([], [proto])))).initialisers.values()))


def test_nodes_come_in_order_with_their_weights(tmp_path):
    second = {"a.weight": np.full((1, 2, 1, 1), 0.5, np.float16)}
    graph = read_onnx(written(tmp_path, make.convolutions({**NETWORK, **second})))
    assert [node.op_type for node in graph.nodes] == ["Conv", "Conv"]
    weight, bias = graph.weights_of(graph.nodes[0])
    assert torch.equal(weight, torch.arange(24.0).reshape(2, 3, 2, 2)) and torch.equal(bias, torch.ones(2))
    (half,) = graph.weights_of(graph.nodes[1])
    assert half.dtype == torch.float16 and half.shape == (1, 2, 1, 1) and bool((half == 0.5).all())
    assert graph.inputs == ("x",) and graph.outputs == ("y",)


def test_settings_of_a_node(tmp_path):
    node = make.node("Conv", ["x", ""], ["y"], strides=(2, -1), alpha=0.25, axis=-1, mode="linear", value=np.array([7, -7]))
    (found,) = read_onnx(written(tmp_path, make.model(make.graph([node], [])))).nodes
    value = found.attributes.pop("value")
    assert found.attributes == {"strides": (2, -1), "alpha": 0.25, "axis": -1, "mode": "linear"}
    assert value.tolist() == [7, -7] and found.inputs == ("x", "")


def test_constants_are_initialisers(tmp_path):
    nodes = [make.node("Constant", [], ["w"], value=np.eye(2, dtype=np.float32)), make.node("MatMul", ["x", "w"], ["y"])]
    graph = read_onnx(written(tmp_path, make.model(make.graph(nodes, []))))
    assert [node.op_type for node in graph.nodes] == ["MatMul"]
    assert torch.equal(graph.weights_of(graph.nodes[0])[0], torch.eye(2))


def test_initialisers_that_old_files_list_among_the_inputs_are_none(tmp_path):
    data = make.model(make.graph([], [make.tensor("w", np.zeros(1, np.float32))], inputs=("x", "w")))
    assert read_onnx(written(tmp_path, data)).inputs == ("x",)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint8", "int32", "int64", "bool"])
def test_raw_numbers_of_each_type(tmp_path, dtype):
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    found = a_tensor(tmp_path, make.tensor("w", array))
    assert found.numpy().dtype == array.dtype and np.array_equal(found.numpy(), array)


def packed(kind: int, size: int, field: int, body: bytes) -> bytes:
    return make.number(1, size) + make.number(2, kind) + make.part(8, "w") + make.part(field, body)


def test_numbers_that_are_not_raw(tmp_path):
    floats = packed(1, 2, 4, struct.pack("<2f", 1.5, -2.0))
    assert a_tensor(tmp_path, floats).tolist() == [1.5, -2.0]
    small = packed(3, 2, 5, make.varint(-3) + make.varint(5))
    assert a_tensor(tmp_path, small).tolist() == [-3, 5] and a_tensor(tmp_path, small).dtype == torch.int8
    half = packed(10, 1, 5, make.varint(0x3C00))
    assert a_tensor(tmp_path, half).tolist() == [1.0]
    brain = packed(16, 1, 5, make.varint(0xBF80))
    assert a_tensor(tmp_path, brain).tolist() == [-1.0]
    long = make.number(1, 2) + make.number(2, 7) + make.part(8, "w") + make.number(7, -9) + make.number(7, 1 << 40)
    assert a_tensor(tmp_path, long).tolist() == [-9, 1 << 40]


@pytest.mark.parametrize(
    "proto, reason",
    [
        (make.number(1, 3) + make.number(2, 1) + make.part(8, "w") + make.part(9, b"1234"), "another size"),
        (make.number(1, 1 << 62) + make.number(2, 1) + make.part(8, "w") + make.part(9, b"1234"), "sizes that no tensor has"),
        (make.number(1, -1) + make.number(2, 1) + make.part(8, "w") + make.part(9, b""), "sizes that no tensor has"),
        (b"".join(make.number(1, 1) for _ in range(9)) + make.number(2, 1) + make.part(9, b"1234"), "sizes that no tensor has"),
        (make.number(1, 1) + make.number(2, 8) + make.part(8, "w") + make.part(6, "text"), "type 8"),
        (make.number(1, 1) + make.number(2, 1) + make.part(8, "w") + make.part(13, make.part(1, "location")), "another file"),
        (make.number(1, 1) + make.number(2, 1) + make.part(8, "w") + make.number(14, 1), "another file"),
        (make.number(2, 1) + make.part(9, b"1234"), "has no name"),
    ],
)
def test_refused_tensors(tmp_path, proto, reason):
    with pytest.raises(WeightsError, match=reason) as caught:
        a_tensor(tmp_path, proto)
    assert caught.value.code == "not-a-checkpoint" and caught.value.hint


def test_refused_graphs(tmp_path):
    twice = make.tensor("w", np.zeros(1, np.float32))
    inner = make.node("If", ["x"], ["y"]) + make.part(5, make.part(1, "then_branch") + make.part(6, b"") + make.number(20, 5))
    cases = {
        "no graph": make.number(1, 8) + make.part(2, "test"),
        "several graphs": make.model(b"") + make.part(7, b""),
        "two tensors": make.model(make.graph([], [twice, twice])),
        "graph of its own": make.model(make.graph([inner], [])),
        "without a kind": make.model(make.graph([make.part(1, "x")], [])),
        "sparse": make.model(make.part(15, b"")),
        "cut short": make.convolutions(NETWORK)[:-1],
        "unknown kind": b"\x08\x08\x0b",
    }
    for reason, data in cases.items():
        with pytest.raises(WeightsError, match=reason):
            read_onnx(written(tmp_path, data))
    with pytest.raises(WeightsError, match="cannot be read"):
        read_onnx(tmp_path / "absent.onnx")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_onnx(tmp_path)


def test_damage_anywhere_is_an_error_of_ours_or_another_tensor(tmp_path):
    whole = make.convolutions(NETWORK)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 1 + int(rng.integers(3))):
            data[place] = int(rng.integers(256))
        if rng.integers(2):
            data = data[: int(rng.integers(1, len(data)))]
        try:
            read_onnx(written(tmp_path, bytes(data)))
        except WeightsError:
            refused += 1
    assert refused > 100


def test_known_by_its_beginning():
    assert is_onnx(make.convolutions(NETWORK)[:8])
    assert not is_onnx(b"PK\x03\x04") and not is_onnx(b"\x80\x02}q\x00") and not is_onnx(b"\x08\x00\x00\x00\x00\x00\x00\x00{")
