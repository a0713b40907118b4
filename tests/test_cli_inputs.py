"""What a command says of inputs that are none, and of an option that an output's format has no use for."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from PIL import Image


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_glob_that_matches_nothing_is_not_a_missing_file(genkit: Run, tiny: str) -> None:
    outcome = genkit("upscale", "in/*.png", "--model", tiny)
    assert outcome.code == 2 and "nothing matches in/*.png" in outcome.err and "not found" not in outcome.err
    both = genkit("upscale", "gone.png", "in/*.png", "--model", tiny)
    assert both.code == 2 and "not found: gone.png; nothing matches in/*.png" in both.err


def test_an_empty_standard_input_is_said_to_be_empty(genkit: Run, tiny: str) -> None:
    outcome = genkit("upscale", "-", "--model", tiny, stdin=b"")
    assert outcome.code == 2 and "standard input is empty" in outcome.err and not outcome.stdout


def test_quality_is_for_lossy_formats(genkit: Run, tiny: str, picture: Callable[..., Path]) -> None:
    picture(Path("in/a.png"))
    picture(Path("in/b.jpg"))
    outcome = genkit("upscale", "in", "-o", "out/", "--quality", 40, "--model", tiny)
    assert outcome.code == 0
    assert "note: --quality changes nothing in PNG files, which are lossless; it is for JPEG, WEBP" in outcome.err
    with Image.open("out/a.png") as image:
        assert "quality" not in json.loads(image.text["genkit"])["options"]  # type: ignore[attr-defined]
    assert "--quality 40" in genkit("show", "out/b.jpg").out
    assert "--quality" not in genkit("upscale", "in/b.jpg", "-o", "c.jpg", "--quality", 40, "--model", tiny).err
    genkit("config", "set", "quality", "40")
    assert "--quality" not in genkit("upscale", "in/a.png", "-o", "d.png", "--model", tiny).err, "nobody asked for it here"


# --- pipes as files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pipe() -> Callable[[str, bytes], str]:
    """A named pipe into which the bytes go once."""

    def make(name: str, data: bytes) -> str:
        os.mkfifo(name)
        threading.Thread(target=lambda: Path(name).write_bytes(data), daemon=True).start()
        return name

    return make


def done(genkit: Run, *words: object) -> Any:
    """How a plan ends, or the test where it hangs."""
    found: list[Any] = []
    runner = threading.Thread(target=lambda: found.append(genkit(*words, "--dry-run")), daemon=True)
    runner.start()
    runner.join(60)
    assert found, f"{words} hangs"
    return found[0]


def test_texts_tables_books_and_lexicons_come_through_pipes(genkit: Run, pipe: Callable[[str, bytes], str]) -> None:
    import io
    import zipfile

    book = io.BytesIO()
    container = '<container><rootfiles><rootfile full-path="o.opf"/></rootfiles></container>'
    item = '<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/>'
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("o.opf", f'<package><manifest>{item}</manifest><spine><itemref idref="c"/></spine></package>')
        archive.writestr("c.xhtml", "<html><body><p>Hello there.</p></body></html>")
    cases = {
        "text": b"Hello there.",
        "rows.csv": b"id,text\none,Hello there.\ntwo,Good day.\n",
        "rows.jsonl": b'{"id": "one", "text": "Hello there."}\n',
        "film.srt": b"1\n00:00:00,000 --> 00:00:05,000\nHello there.\n",
        "page.html": b"<!doctype html><html><body><p>Hello there.</p></body></html>",
        "page": b"<html><body><p>Hello there.</p></body></html>",
        "book": book.getvalue(),
        "book.epub": book.getvalue(),
    }
    for name, data in cases.items():
        outcome = done(genkit, "tts", "--from", pipe(name, data), "-o", "out/")
        assert outcome.code == 0 and len(outcome.lines) == (2 if name == "rows.csv" else 1), (name, outcome.err)
    spoken = done(genkit, "tts", "nginx", "--lexicon", pipe("own.lex", b"nginx EH1 N JH IH0 N EH1 K S\n"))
    assert spoken.code == 0, spoken.err
    wrong = done(genkit, "tts", "nginx", "--lexicon", pipe("bad.lex", b"nginx XX\n"))
    assert wrong.code == 2 and "bad.lex, line 1" in wrong.err


def test_prompts_pictures_and_latents_come_through_pipes(
    genkit: Run, pipe: Callable[[str, bytes], str], picture: Callable[..., Path]
) -> None:
    assert done(genkit, "txt2img", "--from", pipe("prompts", b"a red heart\na star\n")).lines[1].startswith("a star")
    assert done(genkit, "txt2img", "--from", pipe("sheet.txt", b"a red heart\na star\n"), "--grid", "2x1").code == 0
    outcome = done(genkit, "txt2img", "--like", pipe("like.png", picture(Path("plain.png")).read_bytes()))
    assert outcome.code == 2 and "no recipe of genkit" in outcome.err
    data = picture(Path("a.png")).read_bytes()
    for name, words in {
        "style": ("style", "a.png", "--style"),
        "mask": ("style", "a.png", "--style", "plain.png", "--mask"),
        "start": ("style", "a.png", "--style", "plain.png", "--method", "optimize", "--start"),
        "hole": ("inpaint", "a.png", "--mask"),
    }.items():
        outcome = done(genkit, *words, pipe(name, data))
        assert outcome.code == 0, (words, outcome.err)
    listed = done(genkit, "upscale", "@" + pipe("list", b"a.png\nplain.png\n"))
    assert listed.code == 0 and len(listed.lines) == 2, listed.err
    for words in (("gan", "--latent"), ("gan", "edit"), ("gan", "edit", "--seed", 1, "--directions")):
        outcome = done(genkit, *words, pipe("-".join(map(str, words)), b"junk"))
        assert outcome.code in (1, 2) and "not a file of latents" in outcome.err, outcome.err


def test_what_is_neither_file_nor_pipe_is_refused_by_name(genkit: Run) -> None:
    for words in (
        ("tts", "--from", "/dev/zero"),
        ("tts", "Hello", "--lexicon", "/dev/zero"),
        ("txt2img", "--from", "/dev/zero"),
        ("txt2img", "--like", "/dev/zero"),
        ("gan", "--latent", "/dev/zero"),
        ("inpaint", "x.png", "--mask", "/dev/zero"),
        ("style", "x.png", "--style", "/dev/zero"),
        ("upscale", "@/dev/zero"),
    ):
        outcome = done(genkit, *words)
        assert outcome.code == 2 and "/dev/zero" in outcome.err and "bug" not in outcome.err, outcome.err


# --- what is no text ------------------------------------------------------------------------------------------------------

BYTES = {
    "a PNG picture": b"\x89PNG\r\n\x1a\n",
    "a JPEG picture": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "a ZIP archive": b"PK\x03\x04 of weights",
    "a pickle": b"\x80\x02}q\x01.",
    "PDF": b"%PDF-1.7\n",
    "RTF": b"{\\rtf1 Hello}",
    "packed by gzip": b"\x1f\x8b\x08\x00",
    "binary": b"plain at first\0and then not",
    "HTML": b"\n<!-- saved -->\n<!DOCTYPE html>\n<html><p>a heart</p></html>",
}


@pytest.mark.parametrize("kind", BYTES)
def test_what_is_no_text_is_said_to_be_what_it_is(genkit: Run, kind: str) -> None:
    for suffix in ("txt", "csv", "jsonl"):
        Path(f"x.{suffix}").write_bytes(BYTES[kind])
        for verb in ("txt2img", "tts"):
            outcome = genkit(verb, "--from", f"x.{suffix}", "--dry-run")
            assert outcome.code == 2 and f"x.{suffix}: is {kind}" in outcome.err, outcome.err
    outcome = genkit("txt2img", "-", "--dry-run", stdin=BYTES[kind])
    assert outcome.code == 2 and f"standard input: is {kind}" in outcome.err
    Path("x.lex").write_bytes(BYTES[kind])
    assert f"x.lex: is {kind}" in genkit("tts", "Hello", "--lexicon", "x.lex", "--dry-run").err
    spoken = genkit("tts", "--from", "-", "--dry-run", stdin=BYTES[kind])
    assert spoken.code == (0 if kind == "HTML" else 2)


def test_texts_that_only_look_odd_are_texts(genkit: Run) -> None:
    for number, data in enumerate(
        (b"a heart <html> in it", "a heart".encode("utf-16"), b"\xef\xbb\xbfa heart", b"a heart\x1a", b"PKs and RIFFs, a heart")
    ):
        Path(f"{number}.txt").write_bytes(data)
        assert genkit("txt2img", "--from", f"{number}.txt", "--dry-run").code == 0, data
        assert genkit("tts", "--from", f"{number}.txt", "--dry-run").code == 0, data


# --- what nests too deep ---------------------------------------------------------------------------------------------------


def test_files_that_nest_too_deep_or_are_too_large_are_refused_by_name(genkit: Run, own_folders: Path) -> None:
    deep = "[" * 100_000
    Path("model").mkdir()
    Path("model/model_index.json").write_text(deep)
    Path("deep.toml").write_text(f"a = {deep}")
    Path("dotted.toml").write_text(".".join("a" * 10_000) + " = 1")
    Path("rows.jsonl").write_text(f'{{"prompt": "a heart", "text": {deep}')
    Path("large.toml").write_bytes(b"# " + b"x" * (17 << 20))
    os.mkfifo("pipe.toml")
    for words, name in (
        (("txt2img", "a heart", "--model", "./model"), "model_index.json"),
        (("txt2img", "--from", "rows.jsonl"), "rows.jsonl, line 1"),
        (("tts", "--from", "rows.jsonl"), "rows.jsonl, line 1"),
        (("train", "upscale", "--config", "deep.toml", "--data", "."), "deep.toml"),
        (("train", "upscale", "--config", "dotted.toml", "--data", "."), "dotted.toml"),
        (("models", "info", "./deep.toml"), "deep.toml"),
    ):
        outcome = genkit(*words)
        assert outcome.code in (1, 2, 3) and name in outcome.err and "nested deeper" in outcome.err, outcome.err
        assert "bug" not in outcome.err
    refused = genkit("train", "upscale", "--config", "large.toml", "--data", ".")
    assert refused.code == 2 and "large.toml" in refused.err and "larger than" in refused.err
    refused = genkit("train", "upscale", "--config", "pipe.toml", "--data", ".")
    assert refused.code == 2 and "pipe.toml" in refused.err and "no regular file" in refused.err
