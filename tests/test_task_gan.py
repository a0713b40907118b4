"""Drawing: alone, in batches, in grids; memory that runs out; numbers that are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_task_latents import model, plain, styled  # noqa: F401 - fixtures

from genkit.errors import RunError, UsageError
from genkit.run.call import from_values
from genkit.run.lists import parse_grid
from genkit.verbs.gan import task as gan
from genkit.verbs.gan.verb import Gan


@pytest.mark.parametrize("kind", ["styled", "plain"])
def test_a_seed_is_one_picture_alone_and_in_batches(kind: str, request: pytest.FixtureRequest):
    network = request.getfixturevalue("model" if kind == "styled" else "plain")
    together = [one.pixels.astype(int) for one in gan.draw(network, range(5), batch=4)]
    for seed, picture in enumerate(together):
        alone = next(gan.draw(network, [seed])).pixels
        assert np.abs(alone - picture).max() <= 1
    assert not np.array_equal(together[0], together[1])


def test_a_grid_holds_the_pictures(model):  # noqa: F811
    pictures = list(gan.draw(model, range(3)))
    pixels, alpha = gan.grid(pictures, 2, 2)
    side, gap = model.side, gan.GAP
    assert alpha is None and pixels.shape == (2 * side + gap, 2 * side + gap, 3)
    assert np.array_equal(pixels[:side, side + gap :], pictures[1].pixels)
    assert np.array_equal(pixels[side + gap :, :side], pictures[2].pixels)
    assert (pixels[side + gap :, side:] == 255).all()


def test_a_grid_keeps_transparency():
    one = gan.LatentPicture(np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 9, np.uint8), np.zeros((1, 1)))
    _, alpha = gan.grid([one], 2, 1)
    assert alpha is not None and (alpha[:, :4] == 9).all() and (alpha[:, 4:] == 0).all()


@pytest.mark.parametrize("text", ["4", "0x3", "4x", "x", "101x1", "4x4x4"])
def test_what_is_no_grid_is_refused(text: str):
    with pytest.raises(UsageError, match="--grid"):
        parse_grid(text)


def test_a_batch_is_halved_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch):
    network = styled()
    whole = network.draw
    told: list[str] = []

    def narrow(w, **options):
        if len(w) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(w, **options)

    expected = [one.pixels for one in gan.draw(network, range(7))]
    monkeypatch.setattr(network, "draw", narrow)
    found = [one.pixels for one in gan.draw(network, range(7), batch=7, notify=told.append)]
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(found, expected, strict=True)) and len(found) == 7
    assert any("at once" in one for one in told)
    monkeypatch.setattr(network, "draw", lambda w, **options: narrow(np.concatenate([w] * 3), **options))
    with pytest.raises(RunError, match="out of memory"):
        next(gan.draw(network, [0]))


def test_numbers_that_are_none_are_told(monkeypatch: pytest.MonkeyPatch):
    network = styled()
    monkeypatch.setattr(network, "draw", lambda w, **options: np.full((len(w), 3, 16, 16), np.nan, np.float32))
    with pytest.raises(RunError, match="none"):
        next(gan.draw(network, [0]))


def test_pictures_with_an_alpha_of_the_models_own():
    from genkit.models.gan import stylegan2

    torch.manual_seed(0)
    network = stylegan2.build(8, z_dim=4, w_dim=4, depth=1, channels=4, channel_base=32, channel_max=8)
    drawn = next(gan.draw(stylegan2.sample(network, torch.device("cpu"), torch.float32), [0]))
    assert drawn.pixels.shape == (8, 8, 3) and drawn.alpha is not None and drawn.alpha.shape == (8, 8)


@pytest.mark.parametrize(
    ("seeds", "text"), [(3, "3"), (range(4), "0,1,2,3"), ([7, np.int64(9)], "7,9"), ("0-15", "0-15"), (None, None)]
)
def test_seeds_in_python_are_a_number_a_sequence_or_a_text(seeds: object, text: str | None):
    call = from_values(Gan, {"seeds": seeds, "batch": 2, "class": 1})
    assert call.verb == Gan(seeds=text, batch_size=2, label="1")


@pytest.mark.parametrize("seeds", [True, 1.5, [1, "2"], []])
def test_what_are_no_seeds_is_refused(seeds: object):
    with pytest.raises(UsageError, match=r"--seeds .*: expected whole numbers"):
        from_values(Gan, {"seeds": seeds})
