"""The lowest room: folders by platform, files whole or not at all, hostile files refused, sizes and names in words."""

from __future__ import annotations

import json
import os
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from genkit.errors import flag
from genkit.files import home, parse_json, read_input, read_json, read_regular, read_toml, replace_text, size_text, slug


@pytest.mark.parametrize(
    ("platform", "os_name", "variables", "place"),
    [
        ("linux", "posix", {}, "~/.local/share/genkit"),
        ("linux", "posix", {"XDG_DATA_HOME": "/data"}, "/data/genkit"),
        ("linux", "posix", {"XDG_DATA_HOME": ""}, "~/.local/share/genkit"),
        ("freebsd14", "posix", {}, "~/.local/share/genkit"),
        ("darwin", "posix", {}, "~/Library/Application Support/genkit"),
        ("darwin", "posix", {"XDG_DATA_HOME": "/data"}, "~/Library/Application Support/genkit"),
        ("win32", "nt", {}, "~/AppData/Local/genkit"),
        ("win32", "nt", {"LOCALAPPDATA": "/users/me/local"}, "/users/me/local/genkit"),
        ("linux", "posix", {"GENKIT_HOME": "~/mine", "XDG_DATA_HOME": "/data"}, "~/mine"),
        ("darwin", "posix", {"GENKIT_HOME": "/mine"}, "/mine"),
    ],
)
def test_the_users_folder_stays_where_it_has_been(
    monkeypatch: pytest.MonkeyPatch, platform: str, os_name: str, variables: dict[str, str], place: str
):
    expected = Path(place).expanduser()
    for name in ("GENKIT_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        patch.setattr(os, "name", os_name)
        # a path of the other system cannot be made here, so ours stands for it
        patch.setattr("genkit.files.Path", type(expected))
        found = home()
    assert found == expected


# --- hostile files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_regular, read_json, read_toml])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "endless", "folder", "missing"):
        with pytest.raises(OSError):
            read(tmp_path / name)


def test_no_more_is_read_than_is_allowed(tmp_path: Path):
    path = tmp_path / "large"
    path.write_bytes(b"123456")
    assert read_regular(path, 6) == read_input(path, 6) == b"123456"
    for read in (read_regular, read_input):
        with pytest.raises(ValueError, match="larger than 5 bytes"):
            read(path, 5)


def test_reading_takes_no_more_room_than_the_file(tmp_path: Path):
    path = tmp_path / "small"
    path.write_bytes(b"1" * 3_000_000)
    for read in (read_regular, read_input):
        tracemalloc.start()
        assert len(read(path)) == 3_000_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        tracemalloc.stop()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a file of the system that states no size")
def test_a_file_that_states_no_size_is_read():
    assert b"Name:" in read_regular(Path("/proc/self/status"))


def test_an_input_may_be_a_pipe_and_is_read_once(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"picture",))
    writer.start()
    assert read_input(path) == b"picture"
    writer.join()
    assert read_input(path) == b"picture", "nobody writes any more"
    with pytest.raises(OSError):
        read_input(Path("/dev/zero"))


DEEP = 100_000
NESTED = {
    "arrays": "[" * DEEP + "]" * DEEP,
    "open arrays": "[" * DEEP,
    "objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "mixed": '[{"a":' * DEEP + "1" + "}]" * DEEP,
    "a little too deep": "[" * 70 + "]" * 70,
}


@pytest.mark.parametrize("name", NESTED)
def test_json_that_nests_deeper_than_people_write_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="deeper"):
        parse_json(NESTED[name])
    (tmp_path / "x.json").write_text(NESTED[name])
    with pytest.raises(ValueError, match="deeper"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + NESTED["arrays"],
        "a = " + "{b=" * DEEP + "1" + "}" * DEEP,
        ".".join("a" * 10_000) + " = 1",
        "[" + ".".join("a" * 10_000) + "]",
        "a = " + "[" * 70 + "]" * 70,
    ],
    ids=["arrays", "tables", "dotted key", "dotted section", "a little too deep"],
)
def test_toml_that_nests_deeper_than_people_write_is_refused(tmp_path: Path, text: str):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ValueError, match="deeper"):
        read_toml(tmp_path / "x.toml")


@pytest.mark.parametrize("text", ["", "{", "[1,]", '{"a":1}x', "1" * 5000, "\ud800"])
def test_what_is_no_json_is_a_value_error(text: str):
    with pytest.raises(ValueError):
        parse_json(text)


def test_what_nests_as_people_write_is_read():
    value: object = 1
    for _ in range(60):
        value = [value, {"a": 2}]
    assert parse_json(json.dumps(value)) == value


def test_a_text_replaces_another_and_makes_its_folder(tmp_path: Path):
    target = tmp_path / "deep" / "file.json"
    for text in ("one", "zwei – 二\n"):
        replace_text(target, text)
        assert target.read_text(encoding="utf-8") == text
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("fault", [OSError("full"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_text_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException):
    target = tmp_path / "file.json"
    target.write_text("old")

    def refuse(*_: object) -> None:
        raise fault

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(type(fault)):
        replace_text(target, "new")
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "unknown size"), (10, "10 bytes"), (1234, "1.2 KB"), (67_300_000, "67 MB"), (1_200_000_000, "1.2 GB")],
)
def test_sizes_take_a_unit_that_says_something(size: int | None, text: str):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A red heart, please!", "a-red-heart-please"),
        ("  -- ", ""),
        ("Cafe\u0301 d'E\u0301te\u0301", "caf\u00e9-d-\u00e9t\u00e9"),
        ("snake_case.name", "snake-case-name"),
        ("\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u043f\u0440\u0438\u0432\u0435\u0442-\u043c\u0438\u0440"),
        ("\u4e00\u53ea\u732b", "\u4e00\u53ea\u732b"),
        ("../../etc/passwd", "etc-passwd"),
        ("\x1b]0;title\x07", "0-title"),
        ("\U0001f600", ""),
        ("50 %", "50"),
        ("नमस्ते दुनिया", "नमस्ते-दुनिया"),
    ],
)
def test_a_text_names_a_file_by_its_words(text: str, name: str):
    assert slug(text) == name


@pytest.mark.parametrize(
    ("text", "keep", "name"),
    [
        ("0-3,5", "_.-", "0-3-5"),
        ("Seed 3.5_b", "_.-", "seed-3.5_b"),
        ("Black_Hair", "_", "black_hair"),
        ("-a-", "_.-", "a"),
        ("a]b", "]", "a]b"),
    ],
)
def test_a_name_keeps_the_signs_that_it_is_told_to(text: str, keep: str, name: str):
    assert slug(text, keep=keep) == name


def test_a_long_text_gives_whole_words_and_of_one_long_word_its_beginning():
    assert slug("one two three", most=8) == "one-two"
    assert slug("antidisestablishment now", most=8) == "antidise"
    assert slug("\u4e00\u53ea\u732b", most=8, size=lambda name: len(name.encode())) == "\u4e00\u53ea"


def test_an_option_is_spelled_as_it_is_typed():
    assert (flag("mask_color"), flag("out"), flag("n")) == ("--mask-color", "--out", "-n")
