"""Photographs that stay photographs: an affine function of the input's colours, in windows, at any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genkit.verbs.style.photoreal import enlarge_along, photoreal

Run = Callable[..., Any]
Picture = Callable[..., Path]


def photograph(height: int = 120, width: int = 160, dtype: type = np.uint8) -> np.ndarray:
    """Soft light, hard edges and fine texture."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    values = np.stack([60 + rows * 0.5, 90 + columns * 0.3, np.full((height, width), 120.0)], 2)
    values[30:90, 40:100] += (70, -50, 30)
    values += rng.normal(0, 6, (height, width, 1))
    return (np.clip(values, 0, 255) * (257 if dtype == np.uint16 else 1)).astype(dtype)


def test_a_change_of_colours_is_taken_over_and_a_brush_is_not() -> None:
    pixels = photograph()
    toned = np.clip(pixels.astype(np.float32)[..., ::-1] * 0.8 + 30, 0, 255)
    strokes = 40 * ((np.add(*np.mgrid[: len(pixels), : pixels.shape[1]]) // 3 % 2) - 0.5)
    styled = np.clip(toned + strokes[..., None], 0, 255).astype(np.uint8)
    made = photoreal(pixels, styled).astype(np.float32)
    inner = np.s_[10:-10, 10:-10]
    assert np.abs(made - toned)[inner].mean() < 7 < 15 < np.abs(styled - toned)[inner].mean()


def test_edges_are_those_of_the_input() -> None:
    pixels = photograph()
    shifted = np.roll(pixels[..., ::-1], 3, 1)  # a stylised picture whose edges are somewhere else
    made = photoreal(pixels, shifted).astype(np.float32)
    edge = np.abs(np.diff(made[60, 30:50].sum(1)))
    assert int(edge.argmax()) == int(np.abs(np.diff(pixels[60, 30:50].astype(np.float32).sum(1))).argmax())


def test_the_input_itself_changes_nothing() -> None:
    for pixels in (photograph(), photograph(dtype=np.uint16)):
        assert (photoreal(pixels, pixels) == pixels).all()


def test_strips_and_sizes_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    from genkit.verbs.style import photoreal as module

    pixels = photograph(300, 200)
    styled = np.ascontiguousarray(255 - pixels[::3, ::3])
    whole, large = photoreal(pixels, styled), enlarge_along(pixels, styled)
    monkeypatch.setattr(module, "STRIP_PIXELS", 2000)
    assert (photoreal(pixels, styled) == whole).all() and (enlarge_along(pixels, styled) == large).all()
    assert whole.shape == large.shape == pixels.shape


def test_enlarging_follows_the_edges_of_the_picture() -> None:
    pixels = np.full((160, 160, 3), 40, np.uint8)
    pixels[:, 83:] = 200
    small = np.full((20, 20, 3), 180, np.uint8)
    small[:, 10] = (180 * 3 + 60 * 5) // 8  # the pixel that the edge goes through
    small[:, 11:] = 60
    row = enlarge_along(pixels, small)[80, :, 0].astype(int)
    plain = np.asarray(Image.fromarray(small).resize((160, 160), Image.Resampling.BILINEAR))[80, :, 0].astype(int)
    assert np.abs(np.diff(row)).max() > 2 * np.abs(np.diff(plain)).max() and int(np.abs(np.diff(row)).argmax()) == 82


@pytest.fixture
def tiny_style(genkit: Run, tmp_path: Path) -> str:
    import torch
    from safetensors.torch import save_file

    from genkit.models.style import stylizer

    torch.manual_seed(0)
    save_file(stylizer.build((4, 6, 8)).state_dict(), tmp_path / "w.safetensors")
    assert genkit("models", "import", tmp_path / "w.safetensors", "--as", "tiny-style", "--task", "style").code == 0
    return "tiny-style"


def test_the_command_keeps_size_transparency_depth_and_recipe(
    tiny_style: str, picture: Picture, genkit: Run, tmp_path: Path
) -> None:
    import imagecodecs

    style = picture(tmp_path / "style.png", 64, 64, seed=4)
    clear = picture(tmp_path / "in" / "clear.png", 61, 45, "RGBA", seed=2)
    (tmp_path / "in" / "deep.png").write_bytes(imagecodecs.png_encode(photograph(40, 50, np.uint16)))
    options = ("--style", style, "--model", tiny_style, "--photoreal")
    done = genkit("style", tmp_path / "in", "-o", tmp_path / "out", *options)
    assert done.code == 0, done.err
    with Image.open(tmp_path / "out" / "clear.png") as image, Image.open(clear) as before:
        assert image.size == (61, 45) and (np.asarray(image)[..., 3] == np.asarray(before)[..., 3]).all()
    made = imagecodecs.png_decode((tmp_path / "out" / "deep.png").read_bytes())
    assert made.shape == (40, 50, 3) and made.dtype == np.uint16
    assert "--photoreal" in genkit("show", tmp_path / "out" / "clear.png").out
    assert genkit("style", clear, "-o", tmp_path / "none.png", *options, "--strength", 0).code == 0
    with Image.open(tmp_path / "none.png") as image, Image.open(clear) as before:
        assert (np.asarray(image) == np.asarray(before)).all()
