"""`genkit train VERB --data DIR` on a folder of one's own, from an empty folder: it trains, under a name of the user's, and the
line that it ends with works."""

from __future__ import annotations

import shlex
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from PIL import Image

from genkit.cards import read_card
from genkit.errors import UsageError
from genkit.train.config import config_path, parse_config, read_config, shipped_names, shortened

SHORT = ("--steps", 1, "--device", "cpu", "--set", "data.batch=2")
# what is smaller here, so that a step takes no time: neither the networks nor what they start from
SMALLER = {
    "upscale": ("data.patch=16", "data.validate_side=64"),
    "colorize": ("data.side=32", "data.validate_side=64"),
    "inpaint": ("data.side=32", "data.validate_side=64"),
    "style": ("data.side=32", "data.style_side=32", "data.crops=1", "data.style_crops=1", "data.validate_side=64"),
    "gan": ("data.side=16", "network.widths=[8, 4]", "data.discriminator={widths=[4]}"),
    "pairs": ("network.widths=[4, 4, 4, 4]", "network.blocks=1", "data.side=32", "data.validate_side=32"),
    "unpaired": ("network.ngf=2", "network.blocks=1", "data.side=32"),
    "domains": ("network.width=2", "network.blocks=1", "data.side=32"),
}


def pictures(folder: Path, count: int, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((120, 120), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, with folders of pictures beside it."""
    pictures(tmp_path / "photos", 4)
    for place, kind in enumerate("AB"):
        pictures(tmp_path / "pairs" / kind, 3, place)
        pictures(tmp_path / "kinds" / f"kind{kind}", 3, place)
    (tmp_path / "other" / "A").mkdir(parents=True)
    pictures(tmp_path / "other" / "B", 2, 5)
    Image.new("RGB", (120, 120), (9, 200, 90)).save(tmp_path / "other" / "A" / "left.png")
    Image.new("RGB", (120, 120), (200, 20, 90)).save(tmp_path / "other" / "A" / "right.png")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def smaller(kind: str) -> list[str]:
    return [word for one in SMALLER[kind] for word in ("--set", one)]


def use(genkit: Run, err: str) -> None:
    line = next(line for line in err.splitlines() if line.startswith("use it: "))
    words = shlex.split(line.removeprefix("use it: "))
    assert words[0] == "genkit"
    done = genkit(*words[1:], "--device", "cpu")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        (("upscale", "--data", "../photos"), "upscale", "my-upscale"),
        (("colorize", "--data", "../photos"), "colorize", "my-colorize"),
        (("inpaint", "--data", "../photos"), "inpaint", "my-inpaint"),
        (("style", "--data", "../photos"), "style", "my-style"),
        (("gan", "--data", "../photos", "--name", "blobs"), "gan", "blobs"),
        (("translate", "--data", "../pairs"), "pairs", "my-pairs"),
        (("translate", "--data", "../other"), "unpaired", "my-unpaired"),
        (("translate", "--data", "../kinds"), "domains", "my-domains"),
    ],
)
def test_the_simplest_line_trains_and_what_comes_out_is_used(
    genkit: Run, here: Path, words: tuple[str, ...], kind: str, name: str
) -> None:
    done = genkit("train", *words, *SHORT, *smaller(kind))
    assert done.code == 0, done.err
    assert done.out.strip() == f"runs/{name}/{name}.toml"
    card = read_card(Path(done.out.strip()))
    assert card.name == name not in shipped_names() and "CID22" not in str(card.data)
    before = sorted(here.glob("photos/*"))
    use(genkit, done.err)
    assert sorted(here.glob("photos/*")) == before, "what is tried does not become data"
    again = genkit("train", *words, *SHORT, *smaller(kind))
    assert again.code == 2 and "--resume" in again.err and "--name" in again.err


def test_a_shipped_configuration_goes_by_its_name_and_its_model_by_the_users(genkit: Run, here: Path) -> None:
    shared = ("--data", "../photos", *SHORT, *smaller("upscale"))
    done = genkit("train", "upscale", "--config", "genkit-x4-photo-first", *shared)
    assert done.code == 0, done.err
    card = read_card(Path("runs/my-upscale/my-upscale.toml"))
    assert card.data == "the user's own files: photos" and "genkit-x4-photo-first" in card.summary
    assert card.trained_by is not None and "--name my-upscale --steps 1" in card.trained_by
    first = genkit("train", "upscale", "--config", "genkit-x4", "--name", "second", *shared)
    assert first.code == 2 and "--config genkit-x4-first --name genkit-x4-first" in first.err
    near = genkit("train", "upscale", "--config", "genkit-x4-phot", *shared)
    assert near.code == 2 and "did you mean genkit-x4-photo" in near.err
    none = genkit("train", "colorize", "--config", "zzzz", *shared)
    assert none.code == 2 and "for colorize there are genkit-colorize-first, genkit-colorize, own-first, own" in none.err
    gone = genkit("train", "upscale", "--config", "gone.toml", *shared)
    assert gone.code == 2 and "gone.toml: no such file" in gone.err
    other = genkit("train", "upscale", "--config", "genkit-colorize", *shared)
    assert other.code == 2 and "trains colorize, not upscale" in other.err
    odd = genkit("train", "upscale", *shared, "--name", "odd", "--set", "network.num_feat=-4")
    assert odd.code == 2 and "cannot be built" in odd.err
    shares = genkit("train", "colorize", "--config", "genkit-colorize", "--data", "../photos", *SHORT)
    assert shares.code == 2 and "--set data.shares=[]" in shares.err


def test_a_run_under_a_shipped_name_goes_on(genkit: Run, here: Path) -> None:
    """As former versions began it: by the shipped configuration, into a folder of its name."""
    shared = ("train", "inpaint", "--data", "../photos", "--device", "cpu", *smaller("inpaint"), "--set", "data.batch=2")
    began = genkit(*shared, "--config", "genkit-inpaint-first", "--name", "genkit-inpaint-first", "--steps", 1)
    assert began.code == 0 and began.out.strip() == "runs/genkit-inpaint-first/genkit-inpaint-first.toml", began.err
    went_on = genkit(*shared, "--resume", "--steps", 2)
    assert went_on.code == 0 and went_on.out == began.out and "step 2/2" in went_on.err, went_on.err
    other = genkit(*shared, "--resume", "--config", "own", "--out", "runs/genkit-inpaint-first")
    assert (other.code == 2 and "another network" in other.err) or "was begun with" in other.err, other.err


@pytest.mark.parametrize("given", [(), ("--config", "own"), ("--config", "genkit-colorize", "--out", "runs/my-colorize")])
def test_a_run_of_the_network_that_colorize_had_before_goes_on(given: tuple[str, ...], genkit: Run, here: Path) -> None:
    small = [word for one in ("network.widths=[4,4,4,4]", "data.shares=[]", "data.leave_out=[]") for word in ("--set", one)]
    shared = ("train", "colorize", "--data", "../photos", "--device", "cpu", *smaller("colorize"), *small)
    began = genkit(*shared, "--config", "own-first", "--set", "data.batch=2", "--steps", 1)
    assert began.code == 0 and began.out.strip() == "runs/my-colorize/my-colorize.toml", began.err
    went_on = genkit(*shared, *given, "--set", "data.batch=2", "--resume", "--steps", 2)
    assert went_on.code == 0 and went_on.out == began.out and "step 2/2" in went_on.err, went_on.err
    assert read_card(Path(went_on.out.strip())).params["widths"] == [4, 4, 4, 4]


def test_plain_pictures_are_not_translated_into_anything(genkit: Run, here: Path) -> None:
    done = genkit("train", "translate", "--data", "../photos")
    assert done.code == 2 and "--config genkit-photo2sketch" in done.err
    assert genkit("train", "translate").code == 2


def test_a_name_is_one_that_a_file_can_have(genkit: Run, here: Path) -> None:
    done = genkit("train", "gan", "--data", "../photos", "--name", "a/b")
    assert done.code == 2 and "--name a/b" in done.err


def test_fewer_steps_keep_the_shares_of_a_schedule() -> None:
    config = read_config(config_path("own", "tts"))
    acoustic = parse_config({**config.stages["acoustic"], "name": "x", "task": "tts", "family": "y"}, "x")
    short = shortened(acoustic, 45)
    assert (short.loop.steps, short.loop.warmup, short.data["discriminator_from"]) == (45, 2, 30)
    assert shortened(short, 4500).loop.warmup == 2, "a longer run warms up no longer"
    finish = replace(read_config(config_path("own", "upscale")))
    assert shortened(finish, 30).loop.finish_steps == 6


@pytest.mark.parametrize("folder", ["upscale", "colorize", "inpaint", "style", "gan", "txt2img", "tts"])
def test_what_a_verb_takes_without_a_configuration_is_the_users_own(folder: str) -> None:
    config = read_config(config_path("own", folder))
    assert config.name.startswith("my-") and config.name not in shipped_names()
    assert "the user's own" in config.data_note
    with pytest.raises(UsageError):
        config_path("own.toml", folder)


STAGES = """
name = "tiny-icons"
task = "txt2img"
family = "diffusers"
[data]
side = 16
[stages.autoencoder.network]
channels = [8, 16]
latents = 4
groups = 4
[stages.autoencoder.loop]
steps = 9
[stages.denoiser.network.text_encoder]
vocabulary = 560
window = 12
width = 16
layers = 1
heads = 2
[stages.denoiser.network.denoiser]
channels = [16, 16]
attention = [true, false]
groups = 8
heads = 2
[stages.denoiser.data]
batch = 4
steps = 2
[stages.denoiser.loop]
steps = 9
"""


def test_txt2img_tells_its_stages(genkit: Run, here: Path) -> None:
    for number, path in enumerate(sorted((here / "photos").glob("*.png"))):
        path.with_suffix(".txt").write_text(f"blob {number}")
    Path("tiny.train.toml").write_text(STAGES)
    line = ("train", "txt2img", "--config", "tiny.train.toml", "--data", "../photos", "--steps", 1, "--device", "cpu")
    stopped = genkit(*line, "--max-minutes", 0)
    assert stopped.code == 0 and "stage 1 of 2, autoencoder" in stopped.err and "still to come: denoiser" in stopped.err
    done = genkit(*line, "--resume")
    assert done.code == 0 and "stage 2 of 2, denoiser" in done.err, done.err
    assert "Writing model shards" not in done.err
    use(genkit, done.err)


def test_a_voice_is_one_run_that_resumes_between_its_parts(genkit: Run, here: Path) -> None:
    from test_train_tts import ACOUSTIC, SCALE, VOCODER, utterance

    from genkit.train.tts.corpus import AlignedUtterance, Corpus, write_corpus
    from genkit.train.tts.preparation import SYMBOLS

    ids = np.array([SYMBOLS.index("AA1"), SYMBOLS.index("S"), SYMBOLS.index(".")], np.int16)
    each = tuple(AlignedUtterance(**{**utterance(place).__dict__, "ids": ids, "held": place > 3}) for place in range(6))
    write_corpus(Corpus(SCALE.rate_hz, SCALE.hop, SYMBOLS, each, (), "made"), Path("prepared.npz"))
    tables = {"acoustic": ACOUSTIC, "vocoder": VOCODER}
    text = 'name = "me"\ntask = "tts"\nfamily = "fastspeech2"\n'
    for stage, toml in tables.items():
        text += "".join(
            f"{line.replace('[', f'[stages.{stage}.', 1) if line.startswith('[') else line}\n"
            for line in toml[toml.index("[network]") :].splitlines()
        )
    Path("voice.train.toml").write_text(text)
    line = ("train", "tts", "--config", "voice.train.toml", "--data", "prepared.npz", "--device", "cpu")
    stopped = genkit(*line, "--max-minutes", 0)
    assert stopped.code == 0 and "still to come: vocoder" in stopped.err, stopped.err
    assert not Path("runs/me/me.toml").exists()
    refused = genkit(*line)
    assert refused.code == 2 and "--resume" in refused.err
    done = genkit(*line, "--resume")
    assert done.code == 0 and done.out.strip() == "runs/me/me.toml", done.err
    assert "stage 1 of 2, acoustic" in done.err and "use it: genkit tts Hello. --model me" in done.err
    card = tomllib.loads(Path("runs/me/me.toml").read_text())
    assert set(card["files"]) == {"acoustic", "vocoder"} and {"acoustic_held_mel", "vocoder_held_mel"} <= set(card["metrics"])
    use(genkit, done.err)
    longer = genkit(*line, "--resume", "--set", "stages.vocoder.loop.steps=5")
    assert longer.code == 0 and "vocoder: step 5/5" in longer.err and "acoustic: step" not in longer.err, longer.err


def test_a_segment_that_has_no_spectrum_is_refused(genkit: Run, here: Path) -> None:
    from test_train_tts import SCALE, SYMBOLS, VOCODER, utterance

    from genkit.train.tts.corpus import Corpus, write_corpus

    each = tuple(utterance(place, place > 3) for place in range(6))
    write_corpus(Corpus(SCALE.rate_hz, SCALE.hop, SYMBOLS, each, (), "made"), Path("prepared.npz"))
    Path("vocoder.toml").write_text(VOCODER)
    line = ("train", "tts", "--part", "vocoder", "--config", "vocoder.toml", "--data", "prepared.npz", "--device", "cpu")
    for segment in (4, 1, 0, -3):
        done = genkit(*line, "--set", f"data.segment={segment}")
        assert done.code == 2 and "--set data.segment=5" in done.err, done.err
    assert genkit(*line, "--set", "data.segment=5", "--steps", 1).code == 0
