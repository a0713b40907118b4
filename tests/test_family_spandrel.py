"""The spandrel family through its own loader: tiny random networks of many architectures, saved as their publishers do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors
from safetensors.torch import save_file

from genkit import models
from genkit.errors import UsageError, WeightsError
from genkit.models import spandrel
from genkit.pixels.tiling import run_tiled

CPU = torch.device("cpu")
# several libraries' layers speak up while they are built
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")

TINY: dict[str, dict[str, Any]] = {
    "Compact": {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_conv": 2, "upscale": 2},
    "SPAN": {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 8, "upscale": 2},
    "ESRGAN": {"num_filters": 8, "num_blocks": 1, "scale": 4},
    "PLKSR": {"class_name": "RealPLKSR", "dim": 8, "n_blocks": 2, "upscaling_factor": 2},
    "OmniSR": {"num_feat": 8, "block_num": 1, "res_num": 1, "up_scale": 2},
    "SwinIR": {
        "upscale": 2,
        "img_size": 16,
        "window_size": 8,
        "embed_dim": 12,
        "depths": [2],
        "num_heads": [2],
        "mlp_ratio": 2,
        "upsampler": "pixelshuffledirect",
    },
    "DAT": {
        "upscale": 2,
        "embed_dim": 16,
        "depth": [1],
        "num_heads": [2],
        "expansion_factor": 2,
        "split_size": [8, 8],
        "img_size": 16,
    },
    "DnCNN": {"in_nc": 1, "out_nc": 1, "nc": 8, "nb": 4},
    "NAFNet": {"img_channel": 3, "width": 8, "middle_blk_num": 1, "enc_blk_nums": [1], "dec_blk_nums": [1]},
    "SAFMN": {"dim": 12, "n_blocks": 1, "upscaling_factor": 2},
    "RCAN": {"n_feats": 8, "n_resgroups": 1, "n_resblocks": 1, "scale": 2, "reduction": 4},
    "ATD": {
        "upscale": 2,
        "img_size": 16,
        "window_size": 8,
        "embed_dim": 12,
        "depths": (2,),
        "num_heads": (2,),
        "category_size": 16,
        "num_tokens": 8,
        "upsampler": "pixelshuffledirect",
    },
    "CRAFT": {"embed_dim": 12, "depths": [1], "num_heads": [2], "upscale": 2},
    "FDAT": {"embed_dim": 16, "num_groups": 1, "depth_per_group": 1, "num_heads": 2, "mid_dim": 8, "scale": 2},
    "HAT": {
        "upscale": 2,
        "img_size": 16,
        "window_size": 16,
        "embed_dim": 12,
        "depths": (1,),
        "num_heads": (2,),
        "squeeze_factor": 6,
        "num_feat": 8,
    },
    "SCUNet": {"config": [1, 1, 1, 1, 1, 1, 1], "dim": 64},
}


def tiny(architecture: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return spandrel.build(architecture, **TINY[architecture]).eval()


def card(limits: Any = None, options: Any = (), **params: Any) -> Any:
    return SimpleNamespace(
        name="tiny", tasks=("upscale",), family="spandrel", params=params, limits=limits or {}, options=options
    )


def saved(folder: Path, network: torch.nn.Module, name: str = "tiny.pth") -> Path:
    path = folder / name
    state = {key: value.clone().contiguous() for key, value in network.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"params_ema": state}, path)
    return path


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("architecture", sorted(TINY))
def test_every_architecture_loads_and_keeps_its_promise(architecture: str, tmp_path: Path) -> None:
    from spandrel import ImageModelDescriptor, ModelLoader

    network = tiny(architecture)
    suffix = "safetensors" if architecture in ("PLKSR", "DAT") else "pth"
    path = saved(tmp_path, network, f"tiny.{suffix}")
    found = spandrel.recognise(network.state_dict())
    assert found is not None
    assert found["architecture"] == architecture
    model = OnTensors(models.load_model(card(**found), {"weights": path}, CPU, torch.float32))
    reference = ModelLoader().load_from_file(path)
    assert isinstance(reference, ImageModelDescriptor)
    images = torch.rand(2, 3, 19, 30)  # no multiple of anything, below some minima
    with torch.inference_mode():
        result = model(images)
        one = images[:1] if model.channels == 3 else images[:1, 1:2]
        expected = reference(one)
    assert result.shape == (2, 3, 19 * model.scale, 30 * model.scale)
    assert result.dtype is torch.float32
    ours = result[:1] if model.channels == 3 else result[:1, 1:2]
    torch.testing.assert_close(ours.clamp(0, 1), expected, atol=1e-3, rtol=0)  # channels last sum in another order


@pytest.mark.parametrize("architecture", ["Compact", "SPAN", "DnCNN", "ESRGAN", "SAFMN"])
def test_tiles_of_convolutional_networks_are_the_whole(architecture: str, tmp_path: Path) -> None:
    model = models.load_model(card(), {"weights": saved(tmp_path, tiny(architecture))}, CPU, torch.float32)
    assert (model.receptive is not None) == (architecture in spandrel.LOCAL)
    pixels = picture(70, 90)
    whole = run_tiled(model, pixels, tile=0).astype(int)
    # SAFMN pools over the whole picture, so its tiles differ a little by their nature
    assert np.abs(run_tiled(model, pixels, tile=32) - whole).max() <= (8 if architecture == "SAFMN" else 1)


@pytest.mark.parametrize("architecture", ["Compact", "SPAN", "DnCNN"])
def test_the_receptive_field_covers_what_a_pixel_looks_at(architecture: str, tmp_path: Path) -> None:
    network = tiny(architecture)
    model = models.load_model(card(), {"weights": saved(tmp_path, network)}, CPU, torch.float32)
    model.network.requires_grad_(True)
    images = torch.rand(1, model.channels, 61, 61, requires_grad=True)
    model.runner.stages["run"](model.network, images)[0, :, 30 * model.scale, 30 * model.scale].sum().backward()
    assert images.grad is not None
    reach = int((images.grad.abs().sum((0, 1)).nonzero() - 30).abs().max())
    assert 0 < reach <= model.receptive


def test_a_format_that_the_network_does_not_run_in_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, tiny("SwinIR"))
    with pytest.raises(UsageError, match="float16") as caught:
        models.load_model(card(), {"weights": path}, CPU, torch.float16)
    assert "float32" in str(caught.value.hint)
    assert spandrel.allowed_dtypes(tiny("SwinIR").state_dict()) == ("bfloat16", "float32")
    model = OnTensors(models.load_model(card(), {"weights": path}, CPU, torch.bfloat16))
    exact = OnTensors(models.load_model(card(), {"weights": path}, CPU, torch.float32))
    images = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), exact(images), atol=0.05, rtol=0)


def test_a_noise_map_network_takes_grey_and_colour(tmp_path: Path) -> None:
    network = spandrel.build("DnCNN", in_nc=2, out_nc=1, nc=8, nb=9, act_mode="R", mode="FDnCNN")
    model = models.load_model(card(), {"weights": saved(tmp_path, network)}, CPU, torch.float32)
    assert model.channels == 1
    assert run_tiled(model, picture(20, 30)).shape == (20, 30, 3)
    assert run_tiled(model, picture(20, 30)[..., :1]).shape == (20, 30, 1)


def test_twins_are_blended_by_the_amount_of_denoising(tmp_path: Path) -> None:
    strong, mild = tiny("Compact", 1), tiny("Compact", 2)
    files = {"weights": saved(tmp_path, strong), "wdn": saved(tmp_path, mild, "wdn.pth")}
    option = SimpleNamespace(name="denoise", default=0.25)
    model = OnTensors(models.load_model(card(options=(option,)), files, CPU, torch.float32))
    images = torch.rand(1, 3, 12, 12)
    middle = tiny("Compact")
    first, second = strong.state_dict(), mild.state_dict()
    with torch.inference_mode():
        for amount in (1.0, 0.0, 0.5, 0.25):
            middle.load_state_dict({key: amount * first[key] + (1 - amount) * second[key] for key in first})
            torch.testing.assert_close(model(images, denoise=amount), middle(images))
        model(images, denoise=0.9)
        torch.testing.assert_close(model(images), middle(images))  # without a word the card's default
    with pytest.raises(UsageError, match="outside 0 to 1"):
        model(images, denoise=1.5)
    files["wdn"] = saved(tmp_path, spandrel.build("Compact", **{**TINY["Compact"], "num_feat": 6}), "wdn.pth")
    with pytest.raises(WeightsError, match="no twins"):
        models.load_model(card(), files, CPU, torch.float32)


def test_what_is_no_network_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "tiny.pth"
    torch.save({"a.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(WeightsError, match=r"tiny\.pth is of no architecture"):
        models.load_model(card(), {"weights": path}, CPU, torch.float32)
    assert models.recognise({"a.weight": torch.zeros(3, 3)}) is None
    saved(tmp_path, tiny("ESRGAN"))
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"tiny\.pth"):
            models.load_model(card(), {"weights": path}, CPU, torch.float32)


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_a_changed_checkpoint_is_refused_by_name(change: str, tmp_path: Path) -> None:
    network = tiny("RCAN")
    state = dict(network.state_dict())
    name = next(key for key in state if key.endswith("body.2.weight"))
    if change == "missing":
        del state[name]
    else:
        state[name] = torch.zeros(3, 5, 3, 3)
    path = tmp_path / "tiny.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"tiny\.pth"):
        models.load_model(card(), {"weights": path}, CPU, torch.float32)


def test_a_card_that_says_otherwise_is_an_error(tmp_path: Path) -> None:
    path = saved(tmp_path, tiny("ESRGAN"))
    with pytest.raises(WeightsError, match="scale 4, not 2"):
        models.load_model(card(scale=2), {"weights": path}, CPU, torch.float32)


def test_a_network_for_faces_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, tiny("Compact"))
    describe = spandrel._describe

    def as_faces(state: Any, name: str) -> Any:
        descriptor: Any = describe(state, name)
        descriptor._purpose = "FaceSR"
        return descriptor

    monkeypatch.setattr(spandrel, "_describe", as_faces)
    with pytest.raises(UsageError, match="faces alone"):
        models.load_model(card(), {"weights": path}, CPU, torch.float32)


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "tiny.pth"
    torch.save({"params": {"body.0.weight": Trap()}}, path)
    with pytest.raises(WeightsError, match=r"tiny\.pth"):
        models.load_model(card(), {"weights": path}, CPU, torch.float32)
    assert not (tmp_path / "sprung").exists()


def test_an_unknown_architecture_is_an_error() -> None:
    with pytest.raises(UsageError, match="Nonsense"):
        spandrel.build("Nonsense")
