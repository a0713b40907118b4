"""Measures by networks: LPIPS against its formula written out, Distill-MOS's segments, what is said where they are not here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run, save_picture

from genkit import cards
from genkit.errors import UsageError, WeightsError
from genkit.evaluate import instruments, lpips, recognising, speech_quality
from genkit.models import family_module, recognise
from genkit.models.measure import distill_mos
from genkit.models.measure.lpips import Lpips
from genkit.weights import read_state_dict

CPU = torch.device("cpu")


def small_lpips() -> Lpips:
    torch.manual_seed(0)
    network = Lpips().eval().requires_grad_(False)
    for weight in network.lin:
        weight.data = torch.rand_like(weight)
    return network


def noise(side: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def test_lpips_is_its_formula() -> None:
    network = small_lpips()
    first, second = torch.rand(2, 3, 48, 40), torch.rand(2, 3, 48, 40)
    total = torch.zeros(2)
    for index in range(2):
        layers = []
        for image in (first[index], second[index]):
            centred = image * 2 - 1
            x = torch.stack(
                [(centred[c] - m) / s for c, (m, s) in enumerate(((-0.03, 0.458), (-0.088, 0.448), (-0.188, 0.45)))]
            )
            outputs, x = [], x[None]
            for number, conv in enumerate(network.trunk):
                if number in (1, 2):
                    x = torch.nn.functional.max_pool2d(x, 3, 2)
                x = conv(x).clamp_min(0)
                outputs.append(torch.nn.functional.normalize(x, dim=1, eps=1e-10))
            layers.append(outputs)
        for one, other, weight in zip(*layers, network.lin, strict=True):
            total[index] += ((one - other) ** 2 * weight).sum(1).mean()
    torch.testing.assert_close(network(first, second), total, rtol=1e-4, atol=1e-5)
    assert torch.equal(network(first, first), torch.zeros(2))


def test_a_map_says_where_pictures_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lpips, "instrument", lambda name: small_lpips())
    first = noise(128)
    second = first.copy()
    second[:40, :40] = 255 - second[:40, :40]
    where = lpips.lpips(first, second, spatial=True)
    assert where.shape == (128, 128) and where.dtype == np.float32
    assert where[:40, :40].mean() > 20 * where[100:, 100:].mean()
    assert lpips.lpips(first, second) == pytest.approx(float(where.mean()), rel=0.1)
    assert lpips.lpips(first, first) == 0
    for wrong in (second[:64], second[:30, :30]):
        with pytest.raises(ValueError, match="of one size"):
            lpips.lpips(first[:30, :30] if len(wrong) == 30 else first, wrong)


def test_checkpoints_are_recognised_and_read(tmp_path: Path) -> None:
    network = small_lpips()
    trunk = [{"weight": one.weight, "bias": one.bias, "stride": 4} for one in network.trunk]
    torch.save({"format_version": 1, "trunk": trunk, "lin": list(network.lin)}, tmp_path / "lpips.pt")
    torch.save({"model": distill_mos.build().state_dict(), "step": 3}, tmp_path / "mos.pt")
    card = cards.Card("thing", ("measure",), "lpips", tmp_path / "thing.toml", "user")
    for name, family in (("lpips.pt", "lpips"), ("mos.pt", "distill_mos")):
        state = read_state_dict(tmp_path / name)
        assert recognise(state) == (family, {})
        model = family_module(family).load(card, {"weights": tmp_path / name}, CPU, torch.float32)
        assert not model.training and not any(one.requires_grad for one in model.parameters())
        with pytest.raises(WeightsError, match="is not a checkpoint of"):
            other = "mos.pt" if family == "lpips" else "lpips.pt"
            family_module(family).load(card, {"weights": tmp_path / other}, CPU, torch.float32)
        state.popitem()
        torch.save(state, tmp_path / "less.pt")
        with pytest.raises(WeightsError):
            family_module(family).load(card, {"weights": tmp_path / "less.pt"}, CPU, torch.float32)
    loaded = family_module("lpips").load(card, {"weights": tmp_path / "lpips.pt"}, CPU, torch.float32)
    images = torch.rand(2, 1, 3, 40, 40)
    torch.testing.assert_close(loaded(*images), network(*images))


@torch.inference_mode()
def test_distill_mos_hears_all_of_a_long_sound() -> None:
    torch.manual_seed(0)
    network = distill_mos.build().eval()
    heard: list[torch.Tensor] = []
    network.transformer_pool_attn.register_forward_hook(lambda module, given, found: heard.append(found))
    short, long = torch.randn(1, 20_000) / 9, torch.randn(1, distill_mos.SEGMENT + 20_000) / 9
    padded = torch.nn.functional.pad(short, (0, distill_mos.SEGMENT - 20_000))
    torch.testing.assert_close(network(short), network(padded))
    torch.testing.assert_close(network(short), network(short * 0.1), rtol=1e-3, atol=1e-3)
    heard.clear()
    score = network(long)
    assert heard[0].shape == (3,) and score.shape == (1,) and 1 <= float(score) <= 5
    ends = torch.stack([network(long[:, at : at + distill_mos.SEGMENT]) for at in (0, 10_000, 20_000)])
    torch.testing.assert_close(score, ends.mean(0), rtol=1e-4, atol=1e-4)
    assert network(torch.zeros(1, 0)).isfinite().all()


def test_what_is_not_here_is_said_and_never_fetched() -> None:
    said: list[str] = []
    assert lpips.picture_distance(said.append, instead=False) is None and not lpips.has_lpips()
    assert speech_quality.distill_mos(said.append) is None and recognising.whisper(said.append) == {}
    assert "LPIPS: not measured" in said[0] and "genkit models pull lpips-alex adds it (9.9 MB)" in said[0]
    assert "genkit models pull distill-mos" in said[1] and "genkit models pull whisper-tiny-en" in said[2]
    shipped = lpips.picture_distance(said.append)
    assert shipped is not None and shipped.key == "distance" and "no LPIPS" in shipped.words
    assert shipped.between(noise(), noise()) == 0 < shipped.between(noise(), noise(seed=1))
    with pytest.raises(WeightsError) as caught:
        lpips.lpips(noise(), noise())
    assert caught.value.code == "absent" and "genkit models pull lpips-alex" in str(caught.value.hint)


def test_the_library_of_whisper_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> None:
        raise UsageError(f"{name} needs ctranslate2, an extra of genkit", "pip install 'genkit-media[ctranslate2]'")

    said: list[str] = []
    monkeypatch.setattr(recognising, "instrument", without)
    assert recognising.whisper(said.append) == {} and "genkit-media[ctranslate2]" in said[0]
    monkeypatch.setitem(__import__("sys").modules, "ctranslate2", None)
    card = cards.find("whisper-tiny-en", "measure")
    with pytest.raises(UsageError, match="needs ctranslate2") as caught:
        family_module(card.family).load(card, {}, CPU, torch.float32)
    assert caught.value.code == "requires"


def test_a_measure_is_no_model_of_a_verb(genkit: Run) -> None:
    with pytest.raises(UsageError, match="measures, and is no model for upscale"):
        cards.find("lpips-alex", "upscale")
    assert instruments.absent("lpips-alex", "LPIPS").startswith("LPIPS: not measured, as lpips-alex is not here")


@pytest.mark.parametrize("here", [True, False])
def test_upscale_and_colorize_print_it(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool) -> None:
    if here:
        monkeypatch.setattr(lpips, "instrument", lambda name: small_lpips())
    save_picture(tmp_path / "in" / "a.png", 64, 64)
    for words in (("upscale", "--model", "genkit-x2", "--degradation", "clean"), ("colorize", "--side", "32")):
        done = genkit("eval", *words, "--data", tmp_path / "in", "--device", "cpu")
        assert done.code == 0, done.err
        assert ("LPIPS" in done.out.splitlines()[0]) is here
        assert ("LPIPS: version 0.1, AlexNet" in done.out) is here
        assert ("distance" in done.out.splitlines()[0]) is not here
        assert ("genkit models pull lpips-alex" in done.err) is not here
