"""Seeds, walks, mixtures, directions and the search for a latent, on tiny random networks."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from genkit.errors import InputError, UsageError
from genkit.models.gan import dcgan, stylegan2
from genkit.run import option
from genkit.verbs.gan import directions, latents, projection
from genkit.verbs.gan import task as gan
from genkit.verbs.gan.project import Project

CPU = torch.device("cpu")


def styled(classes: int = 0):
    torch.manual_seed(0)
    network = stylegan2.build(16, z_dim=8, c_dim=classes, w_dim=8, depth=2, channel_base=128, channel_max=16)
    return stylegan2.sample(network, CPU, torch.float32, classes)


@pytest.fixture(scope="module")
def model():
    return styled()


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(0)
    return dcgan.sample(dcgan.build(latent=8, widths=(8, 8), kernels=(4, 4, 4)), CPU, torch.float32, 8)


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-3", [0, 1, 2, 3]), ("3,7,9", [3, 7, 9]), (" 5 , 1-2,5", [5, 1, 2]), ("0", [0])]
)
def test_lists_of_seeds(text: str, seeds: list[int]):
    assert latents.parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-1", "1-2-3", "0-9999999", "99999999999999999999"])
def test_what_is_no_list_of_seeds_is_refused(text: str):
    with pytest.raises(UsageError, match="--seeds"):
        latents.parse_seeds(text)


def test_layers_are_held_against_the_network():
    assert latents.parse_layers("0-1,3", 4, "--mix") == [0, 1, 3]
    for text in ("", "x", "4"):
        with pytest.raises(UsageError):
            latents.parse_layers(text, 4, "--mix")


def test_the_circle_keeps_the_length_and_ends_where_it_should():
    first, second = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    lengths = [np.linalg.norm(latents.spherical(first, second, share)) for share in (0.25, 0.5, 0.75)]
    assert min(lengths) > 0.9 * min(np.linalg.norm(first), np.linalg.norm(second))
    assert np.allclose(latents.spherical(first, second, 0.0), first, atol=1e-5)
    assert np.allclose(latents.spherical(first, second, 1.0), second, atol=1e-5)
    assert np.allclose(latents.spherical(first, first, 0.4), first, atol=1e-5)


def test_a_walk_meets_its_seeds_and_a_loop_does_not_show_one_twice(model):
    ends = model.embed(model.latents([3, 7, 9]))
    for space in ("z", "w"):
        w = latents.walk(model, [3, 7, 9], 5, space=space)
        assert all(np.allclose(w[at], ends[index], atol=1e-5) for at, index in ((0, 0), (2, 1), (4, 2)))
        steps = np.linalg.norm(w[1:] - w[:-1], axis=(1, 2))
        assert steps.min() > 0
    round_trip = latents.walk(model, [3, 7], 4, loop=True)
    assert np.allclose(round_trip[1], round_trip[3], atol=1e-5) and not np.array_equal(round_trip[0], round_trip[3])
    for seeds, frames in (([3], 5), ([3, 7, 9], 2)):
        with pytest.raises(UsageError):
            latents.walk(model, seeds, frames)


def test_a_walk_between_classes_blends_them():
    model = styled(3)
    w = latents.walk(model, [0, 1], 3, space="z")
    ends = model.embed(model.latents([0, 1]), model.labels_for([0, 1]))
    assert np.allclose(w[0], ends[0], atol=1e-5) and np.allclose(w[2], ends[1], atol=1e-5)


def test_mixing_takes_layers_of_the_other(model):
    w = model.embed(model.latents([3, 7]))
    mixed = latents.mix(w, [1, 2])
    assert np.array_equal(mixed[0, 0], w[0, 0]) and np.array_equal(mixed[0, 1:3], w[1, 1:3])


def test_a_latent_comes_back_from_its_file(model):
    latent = latents.Latent(model.embed(model.latents([3]))[0], "m", "r", 3, 0.5, None)
    again = latents.load_latent(latent.dump(), "x.npz")
    assert np.array_equal(again.w, latent.w)
    assert (again.model, again.revision, again.noise_seed, again.truncation, again.label) == ("m", "r", 3, 0.5, None)
    assert latent.dump() == latent.dump()


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a file was unpickled",))


def test_hostile_files_are_refused_and_run_nothing(monkeypatch: pytest.MonkeyPatch):
    boxed = io.BytesIO()
    np.savez(boxed, w=np.array([Trap()], dtype=object))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("w.npy", pickle.dumps(Trap()))
    for data in (boxed.getvalue(), stream.getvalue(), pickle.dumps(Trap()), b"", b"PK\x03\x04junk"):
        with pytest.raises(InputError, match=r"x\.npz"):
            latents.load_latent(data, "x.npz")
        with pytest.raises(InputError, match=r"x\.npz"):
            directions.load_directions(data, "x.npz")
    for wrong in ({"w": np.zeros(3)}, {"w": np.full((2, 2), np.nan)}, {"v": np.zeros((2, 2))}, {"w": np.zeros((2, 2), int)}):
        with pytest.raises(InputError):
            latents.load_latent(latents.dump_arrays(wrong), "x.npz")
    monkeypatch.setattr(latents, "LARGEST_FILE", 100)
    with pytest.raises(InputError, match="too large"):
        latents.load_latent(latents.dump_arrays({"w": np.zeros((20, 20))}), "x.npz")


@pytest.mark.parametrize("method", ["sefa", "pca"])
def test_directions_are_orthonormal_ranked_and_the_same_each_time(model, method: str):
    found = directions.find_directions(model, "m", method, 4, samples=64)
    assert np.allclose(found.vectors @ found.vectors.T, np.eye(4), atol=1e-4)
    assert (np.diff(found.shares) <= 1e-6).all() and 0 < found.shares.sum() <= 1 + 1e-6
    assert np.array_equal(found.vectors, directions.find_directions(model, "m", method, 4, samples=64).vectors)
    named = directions.load_directions(found.named({2: "Sleeves"}).dump(), "x.npz")
    assert named.find("sleeves") == named.find("2") == 2 and named.called(2) == "Sleeves" and named.called(0) == "0"
    for text in ("4", "collar", ""):
        with pytest.raises(UsageError, match="direction"):
            named.find(text)
    for wrong in ({9: "x"}, {0: "7"}, {0: "a", 1: "A"}):
        with pytest.raises(UsageError):
            found.named(wrong)


def test_factorised_directions_answer_to_more_than_others(model):
    """The first direction changes the modulation by more than the last one does: that is what they are ranked by."""
    found = directions.find_directions(model, "m", "sefa", 8, samples=64)
    rows = np.concatenate(model.modulation_weights())
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    answers = np.linalg.norm(rows @ found.vectors.T, axis=0)
    assert answers[0] == answers.max() > answers[-1]


def test_a_step_changes_the_layers_it_is_for(model):
    found = directions.find_directions(model, "m", "pca", 2, [1], samples=64)
    w = model.embed(model.latents([0]))
    moved = found.moved(w, 0, 2.0)
    assert np.array_equal(moved[:, 0], w[:, 0]) and np.array_equal(moved[:, 2:], w[:, 2:])
    assert np.linalg.norm(moved[0, 1] - w[0, 1]) == pytest.approx(2 * found.scales[0], rel=1e-4)


def test_directions_want_styles(plain):
    with pytest.raises(UsageError, match="maps no latents"):
        directions.find_directions(plain, "m")


def half(images: torch.Tensor) -> list[torch.Tensor]:
    """Features that need no weights: the picture, and it at a half of the side."""
    return [images, torch.nn.functional.avg_pool2d(images, 2)]


@pytest.mark.parametrize(("kind", "space"), [("styled", "w+"), ("styled", "w"), ("plain", "w+")])
def test_the_latent_of_a_picture_is_found(model, plain, kind: str, space: str):
    network = model if kind == "styled" else plain
    target = next(gan.draw(network, [40]))
    told: list[tuple[int, int, float]] = []
    pixels, alpha = projection.squared(target.pixels, None, network.side)
    found = projection.project(network, half, pixels, alpha, steps=60, space=space, progress=lambda *facts: told.append(facts))
    assert found.loss < 0.8 * found.start
    assert [step for step, _, _ in told] == list(range(1, 61)) and told[-1][2] == found.loss
    assert found.w.shape == tuple(network.embed(network.latents([0])).shape[1:])
    if space == "w":
        assert (found.w == found.w[0]).all()


def test_the_middle_square_is_looked_for():
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, 10:20] = 200
    pixels, alpha = projection.squared(wide, np.full((10, 30), 255, np.uint8), 10)
    assert pixels.shape == (10, 10, 3) and (pixels == 200).all() and alpha is not None and (alpha == 255).all()
    for wrong in (Project(steps=0), Project(space="z")):
        with pytest.raises(UsageError, match="expected"):
            option.check(wrong)
