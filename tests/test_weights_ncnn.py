"""ncnn's weights, written here by its rules and read back; files that are cut, padded or of other networks."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch

from genkit.errors import WeightsError
from genkit.models import spandrel
from genkit.models.upscale import compact
from genkit.weights import read_state_dict

HALF, FULL = 0x01306B47, 0
FEATURES, GROWTH = 16, 32
DENSE = [f"rdb{part}.conv{number}" for part in (1, 2, 3) for number in range(1, 6)]
RRDB = ["conv_first", *(f"body.0.{name}" for name in DENSE), "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
INTERP = "Interp r 1 1 a b 0=1 1=2.000000e+00 2=2.000000e+00"


def write(folder: Path, state: dict[str, torch.Tensor], names: list[str], more: list[str], flag: int = HALF) -> Path:
    """NAME.param and NAME.bin: the layers `names` of a state dict in their order, then lines of layers without weights."""
    lines, data = ["Input in 0 1 data"], b""
    for name in names:
        weight = state[f"{name}.weight"]
        if weight.ndim == 1:
            lines.append(f"PReLU {name} 1 1 a b 0={len(weight)}")
            data += weight.numpy().astype("<f4").tobytes()
            continue
        lines.append(f"Convolution {name} 1 1 a b 0={len(weight)} 1=3 4=1 5=1 6={weight.numel()} 9=2 -23310=1,2.000000e-01")
        packed = weight.numpy().astype("<f2" if flag == HALF else "<f4").tobytes()
        data += struct.pack("<I", flag) + packed + b"\0" * (-len(packed) % 4) + state[f"{name}.bias"].numpy().tobytes()
    lines += more
    (folder / "net.param").write_text("\n".join(["7767517", f"{len(lines)} 9", *lines]) + "\n")
    (folder / "net.bin").write_bytes(data)
    return folder / "net.bin"


def rrdb(folder: Path, flag: int = HALF) -> tuple[Path, dict[str, torch.Tensor]]:
    shapes = {name: (GROWTH if ".conv5" not in name else FEATURES) for name in RRDB if "rdb" in name}
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for name in RRDB:
        outputs = 3 if name == "conv_last" else shapes.get(name, FEATURES)
        inputs = 3 if name == "conv_first" else FEATURES + (int(name[-1]) - 1) * GROWTH if "rdb" in name else FEATURES
        state[f"{name}.weight"], state[f"{name}.bias"] = torch.randn(outputs, inputs, 3, 3) / 9, torch.randn(outputs)
    return write(folder, state, RRDB, [INTERP, INTERP], flag), state


def small_compact(folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    state = compact.build(6, 2, 4).state_dict()
    names = list(dict.fromkeys(key.rpartition(".")[0] for key in state))
    return write(folder, state, names, ["PixelShuffle s 1 1 a b 0=4", "Interp r 1 1 a b 0=1 1=4.0 2=4.0"]), state


@pytest.mark.parametrize("flag", [HALF, FULL])
def test_an_rrdbnet_is_what_it_was(tmp_path: Path, flag: int) -> None:
    path, state = rrdb(tmp_path, flag)
    read = read_state_dict(path)
    assert read.keys() == state.keys()
    for name, tensor in state.items():
        torch.testing.assert_close(read[name], tensor, rtol=0, atol=0 if flag == FULL or ".bias" in name else 2e-3)
    assert spandrel.recognise(read) == {"architecture": "ESRGAN", "scale": 4}


def test_a_compact_network_is_what_it_was(tmp_path: Path) -> None:
    path, state = small_compact(tmp_path)
    read = read_state_dict(path)
    assert list(read) == list(state)
    for name, tensor in state.items():
        torch.testing.assert_close(read[name], tensor, rtol=1e-3, atol=1e-4)
    assert compact.recognise(read) == {"num_feat": 6, "num_conv": 2, "scale": 4}
    assert spandrel.recognise(read) == {"architecture": "Compact", "scale": 4}


@pytest.mark.parametrize("make", [rrdb, small_compact])
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text, data: (text, data[:-2]), "cut short"),
        (lambda text, data: (text, data + b"\0\0\0\0"), "4 bytes belong to no layer"),
        (lambda text, data: (text.replace("Input in", "Gemm in", 1), data), "layer in is a Gemm"),
        (lambda text, data: (text + "Split s 1 1 a b\n", data), "layers where the .param says"),
        (lambda text, data: (text.replace("1=3", "1=5", 1), data), "is no convolution"),
        (lambda text, data: (text.replace("5=1", "5=0", 1), data), "is no convolution"),
        (lambda text, data: (text.replace("0=16", "0=x").replace("0=6 ", "0=x "), data), "no ncnn model"),
        (lambda text, data: (text.replace("1=2.0", "1=3.0").replace("0=4\n", "0=3\n"), data), "no RRDBNet|no picture 3 times"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path: Path, make, change, match: str) -> None:
    path, _ = make(tmp_path)
    structure = tmp_path / "net.param"
    text, data = change(structure.read_text(), path.read_bytes())
    structure.write_text(text)
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=match) as caught:
        read_state_dict(path)
    assert caught.value.code == "damaged" and str(path) in caught.value.message


def test_layers_in_another_order_or_of_another_format_are_refused(tmp_path: Path) -> None:
    path, state = rrdb(tmp_path)
    write(tmp_path, state, [RRDB[0], *RRDB[2:], RRDB[1]], [INTERP, INTERP])
    with pytest.raises(WeightsError, match="has the shape"):
        read_state_dict(path)
    write(tmp_path, state, RRDB[:-1], [INTERP, INTERP])
    with pytest.raises(WeightsError, match="are no RRDBNet"):
        read_state_dict(path)
    path, _ = rrdb(tmp_path)
    data = bytearray(path.read_bytes())
    at = 4 + 2 * state["conv_first.weight"].numel() + 4 * FEATURES
    data[at : at + 4] = struct.pack("<I", 0x000D4B38)  # eight bits
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match="another format, 0x000d4b38"):
        read_state_dict(path)


def test_weights_without_their_layers_are_no_checkpoint(tmp_path: Path) -> None:
    path, _ = rrdb(tmp_path)
    (tmp_path / "net.param").unlink()
    with pytest.raises(WeightsError, match="neither safetensors nor"):
        read_state_dict(path)
