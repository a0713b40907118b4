"""Cards: every one that ships is checked; malformed ones are refused by file and field; names are found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genkit import cards, config
from genkit.errors import UsageError, WeightsError

EVERY = [path for path in cards.card_paths() if path.is_relative_to(cards.weights_folder())]
GOOD = """
name = "thing-x4"
aliases = ["Thing_X4"]
tasks = ["upscale"]
family = "spandrel"
summary = "For tests."
licence = "MIT"
commercial = true
[params]
scale = 4
[files.weights]
url = "https://example.org/thing.pth"
hash = "sha256:{sha}"
size = 10
""".replace("{sha}", "0" * 64)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GENKIT_CACHE", raising=False)


def write(text: str, name: str = "thing-x4", task: str = "upscale") -> Path:
    path = cards.user_folder() / task / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_every_card(path: Path) -> None:
    card = cards.read_card(path)
    assert path.parent.name in card.tasks
    assert card.licence and card.commercial is not None and card.source, "who may use it, and where it is from"
    assert 20 < len(card.summary) <= 130 and card.summary.endswith("."), "one line that says what it is for"
    assert card.every_file or (card.hub and card.hub.patterns), "a model has files"
    if card.origin == "shipped":
        assert card.trained_by and card.data and card.metrics, "how it was made, on what, how good it is"
        assert card.licence == "Apache-2.0" and card.verified
        for one in card.files.values():
            assert one.hash and one.hash.algorithm == "sha256" and card.beside(one).stat().st_size == one.size
    else:
        assert card.paper.startswith(("https://arxiv.org/abs/", "https://doi.org/"))
        if card.verified:
            assert all(one.hash for one in card.every_file) or (card.hub and card.hub.patterns)
            assert all(one.size for one in card.files.values())
    if card.task == "upscale":
        assert card.params["scale"] in (1, 2, 4)
        assert "weights" in [one.role for one in card.every_file]


def test_the_cards_together() -> None:
    found = cards.all_cards()
    assert [card.toml for card in sorted(found, key=lambda card: card.toml)] == sorted(EVERY)
    for task in {card.task for card in found}:
        marked = [card.name for card in found if card.recommended and card.task == task]
        assert len(marked) <= 1, "a hint names one model"
    by_name = {card.name: card for card in found}
    for card in found:
        for other in filter(None, (card.instead, card.superseded_by)):
            assert other != card.name and set(by_name[other].tasks) >= {card.task}, card.name
        newer = by_name.get(card.superseded_by)
        assert newer is None or not (card.recommended or newer.superseded_by), card.name
    # spandrel runs these in full precision or bfloat16 only
    for card in found:
        if card.name.startswith(("swinir", "hat", "real-hat", "dat2", "atd", "ultrasharp")):
            assert "float16" not in card.dtypes, card.name


def test_a_good_card_is_read() -> None:
    card = cards.read_card(write(GOOD))
    assert card.origin == "user" and not card.shipped and card.size == 10 and card.task == "upscale"
    assert card.revision == f"sha256:{'0' * 64}" and str(card.files["weights"].hash) == card.revision


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('licence = "MIT"', "", "licence"),
        ('licence = "MIT"', 'license = "MIT"', "license"),
        ("commercial = true", 'commercial = "yes"', "commercial"),
        ('"thing-x4"', '"Thing x4"', "name"),
        ('"thing-x4"', '"other"', "name"),
        ('["upscale"]', "[]", "tasks"),
        ('["upscale"]', '["upscale", "upscale"]', "tasks"),
        ('"spandrel"', '"../evil"', "family"),
        ("https://example.org", "http://example.org", "files.weights.url"),
        ("https://example.org/thing.pth", "file:///etc/passwd", "files.weights.url"),
        ("https://example.org/thing.pth", "https://example.org/", "files.weights.url"),
        ("sha256:", "sha1:", "files.weights.hash"),
        ("sha256:0", "sha256:", "files.weights.hash"),
        ("sha256:", "md5:", "files.weights.hash"),
        ("size = 10", "size = 0", "files.weights.size"),
        ("size = 10", "size = 10\nbytes = 10", "files.weights.bytes"),
        ("size = 10", 'path = "thing.pth"', "files.weights"),
        ("[files.weights]", "[files.Weights]", "files.Weights"),
        ("scale = 4", "scale = 4.0", "params.scale"),
        ("[params]", "[limits]\nminimum = -1\n[params]", "limits.minimum"),
        ("[params]", '[options.x]\ntype = "number"\n[params]', "options.x.type"),
        ("[params]", '[options.x]\ntype = "float"\nmaximum = 1.0\ndefault = 2.0\n[params]', "options.x.default"),
        ("[params]", '[options.x]\ntype = "choice"\n[params]', "options.x.choices"),
        ("[params]", '[hub]\nrepo = "a"\nrevision = "main"\n[params]', "hub.repo"),
        ("[params]", '[hub]\nrepo = "a/b"\nrevision = "main"\npatterns = ["*"]\n[params]', "hub.revision"),
        (
            "[params]",
            f'[hub]\nrepo = "a/b"\nrevision = "{"0" * 40}"\n[hub.files."../x"]\nhash = "md5:0"\n[params]',
            "hub.files",
        ),
        (f'hash = "sha256:{"0" * 64}"', "", "files.weights.hash"),
        (f'hash = "sha256:{"0" * 64}"', f'hash = "md5:{"0" * 32}"', "files.weights.hash"),
        ("[params]", 'can = ["hints"]\n[params]', "can"),
        ("[params]", 'can = "hints"\n[params]', "can"),
        ("[params]", '[params]\ncan = "speed"', "params.can"),
        ("[params]", "[params]\ncan = [1]", "params.can"),
        ("name =", "name = = 3", "not a model card"),
    ],
)
def test_a_malformed_card_is_refused_by_file_and_field(old: str, new: str, field: str) -> None:
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    with pytest.raises(WeightsError) as caught:
        cards.read_card(path)
    assert str(path) in caught.value.message and field in caught.value.message


def test_an_unpinned_card_must_say_so() -> None:
    text = GOOD.replace(f'hash = "sha256:{"0" * 64}"', "").replace("[params]", "verified = false\n[params]")
    assert not cards.read_card(write(text)).verified


def test_card_text_is_read_back() -> None:
    import tomllib

    fields = {
        "name": "thing-x4",
        "tasks": ["upscale"],
        "family": "spandrel",
        "summary": 'A "quoted" line\nwith a break, and \\ and ä.',
        "licence": "MIT",
        "commercial": True,
        "params": {"scale": 4, "nested": {"odd key": 0.5}},
        "hub": {"repo": "a/b", "revision": "0" * 40, "files": {"unet/model.safetensors": {"hash": f"sha256:{'1' * 64}"}}},
    }
    text = cards.card_text(fields)
    assert tomllib.loads(text) == fields
    assert cards.read_card(write(text)).hub


@pytest.mark.parametrize("name", ["craft-x4", "CRAFT_x4", "team34_craft", "RealESRGAN_x4plus"])
def test_find_takes_names_and_aliases_in_any_case(name: str) -> None:
    assert cards.find(name, "upscale").name in ("craft-x4", "realesrgan-x4plus")


@pytest.mark.parametrize(
    ("typo", "meant"), [("realesrgan-x4", "realesrgan-x4plus"), ("crafty-x4", "craft-x4"), ("ultrasharp", "ultrasharp-v2")]
)
def test_an_unknown_name_gets_near_matches(typo: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        cards.find(typo, "upscale")
    assert caught.value.exit_code == 2 and meant in str(caught.value.hint)


def test_a_model_of_another_verb_is_named_as_such() -> None:
    write(GOOD.replace('["upscale"]', '["colorize"]'), task="colorize")
    with pytest.raises(UsageError, match="is a model for colorize, not for upscale") as caught:
        cards.find("thing-x4", "upscale")
    assert "genkit colorize --model thing-x4" in str(caught.value.hint)
    assert "thing-x4" in cards.names("colorize") and "thing-x4" not in cards.names("upscale")


def test_a_card_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "thing-x4.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert cards.find(str(path), "upscale").origin == "user"


def test_two_cards_of_one_name_are_an_error_that_names_both() -> None:
    path = write(GOOD.replace('"thing-x4"', '"craft-x4"'), name="craft-x4")
    with pytest.raises(WeightsError) as caught:
        cards.find("craft-x4")
    assert str(path) in caught.value.message and caught.value.message.count("craft-x4.toml") == 2


BAD_CARDS = {
    "malformed": ("thing-x4", "name = = 3"),
    "empty": ("thing-x4", ""),
    "of another shape": ("thing-x4", "a = 1"),
    "an unknown field": ("thing-x4", GOOD.replace("licence =", "license =")),
    "a name that ships": ("craft-x4", GOOD.replace('"thing-x4"', '"craft-x4"')),
    "an alias that ships": ("thing-x4", GOOD.replace('"Thing_X4"', '"Craft_X4"')),
    "nested too deep": ("thing-x4", "a = " + "[" * 100_000 + "]" * 100_000),
    "a name of 10,000 parts": ("thing-x4", ".".join("a" * 10_000) + " = 1"),
    "no UTF-8": ("thing-x4", b'summary = "\xff"'),
    "a title for the terminal": ("thing-x4", GOOD.replace("For tests.", "\\u001b]0;title\\u0007 For tests.")),
    "a cleared screen": ("thing-x4", GOOD.replace("[params]", '[params]\n"\\u001b[2J" = 1')),
    "words turned round": ("thing-x4", GOOD.replace("For tests.", "For \\u202etests.")),
}


@pytest.mark.parametrize("kind", BAD_CARDS)
def test_a_bad_card_of_the_users_is_named_and_left_out(kind: str) -> None:
    name, text = BAD_CARDS[kind]
    path = write("", name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert [card.toml for card in cards.all_cards()] == sorted(EVERY, key=lambda path: (path.parent.name, path.stem))
    (fault,) = cards.faults()
    assert str(path) in fault.message and fault.message.isprintable()
    assert cards.able("colorize", "hints") == ["siggraph17"]
    assert cards.default_model("upscale") == "genkit-x4" and cards.find("team34_craft", "upscale").name == "craft-x4"
    assert cards.recommended("upscale") is not None


@pytest.mark.parametrize("kind", ["pipe", "endless", "folder", "loop"])
def test_a_card_that_is_no_file_is_left_out_at_once(kind: str) -> None:
    path = write("")
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "endless" else path)
    assert len(cards.all_cards()) == len(EVERY) and str(path) in cards.faults()[0].message
    with pytest.raises(WeightsError, match="not a model card"):
        cards.find("thing-x4")


def test_training_configurations_are_not_cards() -> None:
    write("anything", name="thing-x4.train")
    assert not any("train" in name for name in cards.names())
    cards.all_cards()


def test_the_default_follows_scale_and_configuration() -> None:
    assert cards.default_model("upscale", scale=2) == "genkit-x2"
    assert cards.default_model("upscale", scale=2.5) == cards.default_model("upscale") == "genkit-x4"
    config.set("upscale.model", "CRAFT_x4", cards.lasting_name)
    assert cards.default_model("upscale", scale=2) == "craft-x4"
    config.path().write_text('"upscale.model" = "gone"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"config\.toml: upscale\.model: unknown model 'gone'"):
        cards.default_model("upscale")
    assert all(cards.find(cards.default_model(verb)).shipped for verb in ("txt2img", "tts"))


def test_options_are_parsed_and_checked() -> None:
    card = cards.find("realesr-general-x4v3")
    assert card.parse_options([]) == {"denoise": 0.5}
    assert card.parse_options(["denoise=1"]) == {"denoise": 1.0}
    for text in ("denoise=2", "denoise=nan", "denoise=much", "denoise", "noise=1"):
        with pytest.raises(UsageError):
            card.parse_options([text])
    choice = cards.Option("mode", "choice", choices=("a", "b"))
    assert choice.parse("a") == "a" and cards.Option("on", "bool").parse("Yes") is True
    with pytest.raises(UsageError, match="one of a, b"):
        choice.parse("c")


def test_listing_names_opens_nothing_and_imports_nothing_heavy() -> None:
    write("this is not TOML", name="broken")
    assert "broken" in cards.names("upscale")
    script = "import sys, genkit.cards as c, genkit.weights; c.names(); print({'torch', 'numpy', 'rich'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "set()"


# --- what models can ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "words", "names"),
    [
        ("colorize", ["hints"], ["siggraph17"]),
        ("colorize", ["seed"], []),
        ("inpaint", ["seed"], ["flux2-klein-inpaint", "sd15-inpaint", "sdxl-inpaint", "zimage-inpaint"]),
        ("inpaint", ["prompt", "negative"], ["sd15-inpaint", "sdxl-inpaint", "zimage-inpaint"]),
        ("style", ["any_style"], ["genkit-style", "magenta-arbitrary", "microast"]),
        ("style", ["own_style"], ["fast-style-wave", "magenta-26"]),
        ("style", ["features"], ["genkit-style", "vgg19"]),
        ("translate", ["domains"], ["genkit-edges2clothes", "genkit-recolor"]),
        ("translate", ["edges"], ["genkit-edges2clothes", "pix2pix-edges2shoes"]),
        ("gan", ["styles"], ["genkit-clothes", "genkit-tiles"]),
        (
            "gan",
            ["classes", "truncation"],
            [*(f"biggan-deep-{side}" for side in (128, 256, 512)), "genkit-clothes", "genkit-tiles"],
        ),
        ("upscale", ["denoise"], ["realesr-general-x4v3"]),
        ("txt2img", ["control_init", "negative"], ["dreamshaper-8", "genkit-icons", "sd15", "sdxl", "ssd-1b"]),
        ("txt2img", ["cache"], ["flux1-schnell", "flux2-klein-4b", "qwen-image-2512"]),
        ("tts", ["pitch"], ["genkit-kathleen"]),
        ("tts", ["phonemes"], ["fastspeech2-conformer", "genkit-kathleen", "hibari", "kokoro-int8"]),
    ],
)
def test_models_that_can_are_named_in_the_order_of_the_list(task: str, words: list[str], names: list[str]) -> None:
    assert cards.able(task, *words) == names


def test_a_part_of_a_pipeline_can_nothing_alone() -> None:
    assert cards.find("control-canny-sd15").can == cards.find("vae-sd-mse").can == frozenset()


def test_a_card_declares_the_words_of_its_verb() -> None:
    text = GOOD.replace('"upscale"', '"tts"').replace("[params]", 'can = ["speed", "seed"]\n[params]')
    path = write(text, task="tts")
    assert cards.read_card(path).can == {"speed", "seed"}
    path.write_text(text.replace("speed", "spede"), encoding="utf-8")
    with pytest.raises(WeightsError, match=r"can cannot hold 'spede'; known for tts: .*pitch"):
        cards.read_card(path)


def test_a_voice_that_says_it_among_its_parameters_is_read() -> None:
    card = cards.read_card(write(GOOD.replace("upscale", "tts").replace("scale = 4", 'can = ["speed", "words"]'), task="tts"))
    assert card.can == {"speed", "words"}


def test_what_pipelines_can_is_what_the_code_that_drives_them_has() -> None:
    import diffusers

    from genkit.models.diffusers.pipelines import DRAWING

    for name, kind in DRAWING.items():
        card = cards.Card("any", ("txt2img",), "diffusers", Path("any.toml"), "user", params={"pipeline": name})
        has = {"init": kind.image, "control": kind.control, "control_init": kind.control_image, "weights": kind.clip}
        has |= {"lora": hasattr(getattr(diffusers, name), "load_lora_weights"), "vae": True}
        assert card.can - {"cache"} == {word for word, there in has.items() if there}, name
