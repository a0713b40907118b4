"""Settings: known keys only, checked values, a file that is whole at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from genkit import cards, config
from genkit.errors import UsageError


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))


def test_settings_are_stored_read_and_taken_back() -> None:
    assert config.read_all() == {} and config.get("device") is None
    assert config.set("quality", "85", cards.lasting_name) == 85
    assert config.set("device", "CPU".lower(), cards.lasting_name) == "cpu"
    assert config.set("upscale.quality", 95, cards.lasting_name) == 95
    assert config.read_all() == {"quality": 85, "device": "cpu", "upscale.quality": 95}
    assert (
        config.get("upscale.quality") == 95 and config.get("colorize.quality") == 85 and config.get("upscale.device") == "cpu"
    )
    assert config.unset("quality") and not config.unset("quality")
    assert config.get("colorize.quality") is None
    assert [path.name for path in config.path().parent.iterdir()] == ["config.toml"]


def test_tables_written_by_hand_are_understood() -> None:
    config.path().parent.mkdir(parents=True)
    config.path().write_text('device = "cpu"\n[upscale]\nquality = 90\n', encoding="utf-8")
    assert config.read_all() == {"device": "cpu", "upscale.quality": 90}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("quality", "101"),
        ("quality", "high"),
        ("device", "gpu"),
        ("dtype", "half"),
        ("format", "doc"),
        ("max-pixels", "0"),
        ("upscale.model", "no-such-model"),
        ("upscale.model", ""),
        ("model", "craft-x4"),
        ("upscale.colour", "red"),
    ],
)
def test_what_cannot_be_right_is_refused_and_not_stored(key: str, value: str) -> None:
    with pytest.raises(UsageError):
        config.set(key, value, cards.lasting_name)
    assert not config.path().exists()


def test_an_unknown_key_gets_near_matches() -> None:
    with pytest.raises(UsageError) as caught:
        config.set("upscale.modle", "craft-x4", cards.lasting_name)
    assert "upscale.model" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["not = = toml", 'colour = "red"\n', "quality = 1000\n"])
def test_a_broken_file_is_named(text: str) -> None:
    config.path().parent.mkdir(parents=True)
    config.path().write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"config\.toml"):
        config.read_all()


def test_every_known_key_is_described() -> None:
    assert all(config.known_keys().values())
    assert "upscale.model" in config.known_keys() and "model" not in config.known_keys()
