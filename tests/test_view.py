"""`genkit compare`, `genkit sheet`, `genkit show --plot` and `--preview`; a browser, where there is one, looks at pages."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from PIL import Image

Save = Callable[..., Path]
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rendered(page: Path, tmp_path: Path, name: str = "shot.png") -> tuple[str, Image.Image]:
    """A page as a browser leaves it, and a picture of it."""
    assert BROWSER is not None
    flags = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    dom = subprocess.run([*flags, "--dump-dom", page.resolve().as_uri()], capture_output=True, text=True, timeout=90)
    shot = [*flags, "--hide-scrollbars", f"--screenshot={tmp_path / name}", "--window-size=800,700", page.resolve().as_uri()]
    subprocess.run(shot, capture_output=True, timeout=90)
    return dom.stdout, Image.open(tmp_path / name).convert("RGB")


def test_a_page_compares_and_needs_nothing_else(genkit: Run, picture: Save):
    picture(Path("a.png"), 60, 40)
    picture(Path("b.png"), 60, 40, seed=1)
    picture(Path("c.png"), 120, 80)
    outcome = genkit("compare", "a.png", "b.png", "c.png", "-o", "page.html", "--json")
    assert outcome.code == 0
    first, second, done = outcome.events
    assert first["resized"] is False and second["resized"] is True and done["files"] == ["page.html"]
    page = Path("page.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and "default-src 'none'" in page
    assert len(page) < sum(Path(f"{name}.png").stat().st_size for name in "abc") * 4 / 3 + 12_000
    assert f"PSNR {first['psnr']:.2f} dB" in page and f"SSIM {first['ssim']:.4f}" in page
    assert genkit("compare", "a.png", "b.png", "-o", "page.html").code == 2
    assert genkit("compare", "a.png", "a.png", "-o", "same.html", "--json").events[0]["equal"] is True


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
def test_pages_are_drawn_by_a_browser(genkit: Run, tmp_path: Path):
    Image.new("RGB", (300, 200), (250, 0, 0)).save("red.png")
    Image.new("RGB", (300, 200), (0, 0, 250)).save("<b>blue&.png")
    assert genkit("compare", "red.png", "<b>blue&.png", "-o", "page.html").code == 0
    dom, shot = rendered(Path("page.html"), tmp_path)
    assert 'value="slider" aria-pressed="true"' in dom and "<b>blue" not in dom.replace("&lt;b&gt;", "")
    pixels = np.asarray(shot).astype(int)
    red, blue = (pixels[..., 0] - pixels[..., 2] > 200), (pixels[..., 2] - pixels[..., 0] > 200)
    assert 25_000 < red.sum() < 35_000 and 25_000 < blue.sum() < 35_000  # half of each
    assert np.median(np.nonzero(red)[1]) + 100 < np.median(np.nonzero(blue)[1])
    assert genkit("sheet", "red.png", "<b>blue&.png", "-o", "sheet.html").code == 0
    dom, shot = rendered(Path("sheet.html"), tmp_path)
    assert "2 of 2" in dom
    pixels = np.asarray(shot).astype(int)
    assert ((pixels[..., 0] - pixels[..., 2]) > 200).sum() > 10_000


def test_folders_are_paired_by_name(genkit: Run, picture: Save):
    for number in range(3):
        picture(Path(f"one/{number}.png"), seed=number)
        picture(Path(f"two/sub/{number}.png"), seed=number)
        picture(Path(f"two/{number}.jpg"), seed=number)
    picture(Path("one/alone.png"))
    outcome = genkit("compare", "one", "two", "-o", "page.html")
    assert outcome.code == 0 and "not in all of the folders" in outcome.err
    assert len(re.findall("<section>", Path("page.html").read_text())) == 3
    assert genkit("compare", "one", "two", "-o", "strip.png").code == 0 and Image.open("strip.png").width > 40
    assert genkit("compare", "one", "one/0.png", "-o", "p.html").code == 2
    assert genkit("compare", "one", "two", "-o", "two.gif").code == 2


def test_an_animation_shows_one_after_another(genkit: Run, picture: Save):
    picture(Path("a.png"), 60, 40)
    picture(Path("b.png"), 120, 80, seed=4)
    assert genkit("compare", "a.png", "b.png", "-o", "f.gif").code == 0
    assert Image.open("f.gif").n_frames == 2 and Image.open("f.gif").size == (120, 80)


def test_scores_are_those_of_the_literature():
    from skimage.metrics import structural_similarity

    from genkit.evaluate.fidelity import psnr, ssim

    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (40, 50, 3), np.uint8)
    b = np.clip(a + rng.normal(0, 9, a.shape), 0, 255).astype(np.uint8)
    options = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    full = structural_similarity(a, b, full=True, **options)[1]
    assert ssim(a, b) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-3)
    assert psnr(a, b) == pytest.approx(10 * math.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_a_sheet_says_what_made_each(genkit: Run, picture: Save, tiny: str):
    picture(Path("in/a.png"))
    for scale in (1, 2):
        assert genkit("upscale", "in", "-o", f"out/{scale}", "-m", tiny, "-s", scale).code == 0
    Path("out/broken.png").write_bytes(b"no picture")
    outcome = genkit("sheet", "out", "-r", "-o", "sheet.html")
    assert outcome.code == 0 and "left out" in outcome.err
    page = Path("sheet.html").read_text()
    assert page.count("<figure") == 2 and '<select name="scale">' in page and "tiny" in page
    assert genkit("sheet", "out", "-r", "-o", "sheet.png", "--columns", 1).code == 0
    assert Image.open("sheet.png").height > Image.open("out/2/a.png").height
    assert genkit("sheet", "out", "-o", "sheet.txt").code == 2
    assert genkit("sheet", "in", "-o", "no/sheet.png").code == 2


def test_a_sweep_is_laid_out(genkit: Run, picture: Save, tiny: str):
    picture(Path("a.png"), 40, 30)
    line = f"upscale -m {tiny}"
    sweep = ("--sweep", "scale=1,2", "--sweep", "sharpen=0,0.5,1")
    assert genkit("run", "-c", line, "a.png", "-o", "out/", *sweep, "--sheet", "sheet.png").code == 0
    wide, high = Image.open("sheet.png").size
    assert wide > 3 * 80 and 2 * 60 < high < 3 * 60
    assert genkit("run", "-c", line, "a.png", "-o", "more/", *sweep, "--sheet", "sheet.png").code == 2
    assert not Path("more").exists()


def test_a_sound_is_drawn_and_a_picture_shown(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    import soundfile

    soundfile.write("tone.wav", np.sin(np.arange(8000) / 5).astype(np.float32), 8000)
    assert genkit("show", "tone.wav", "--plot", "tone.png").code == 0 and Image.open("tone.png").width > 100
    assert genkit("show", "tone.wav", "--plot", "tone.png").code == 2
    picture(Path("a.png"), 300, 200)
    assert genkit("show", "a.png", "--preview").code == 2
    shown = genkit("show", "a.png", "--preview", terminals="stdout")
    assert shown.code == 0 and "a.png" in shown.out and len(shown.lines) > 4
