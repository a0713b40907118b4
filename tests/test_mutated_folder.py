"""Two thousand damaged files in one folder through the real command: no traceback, no partial output, exit 1.

The default run takes a tenth of them; `-m slow` all.
"""

from __future__ import annotations

import json
import random
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from test_mutated import FORMATS, _mutate, _seeds

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "AVIF": ".avif", "BMP": ".bmp", "HEIF": ".heic"}


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_folder_of_damaged_files(count: int, tmp_path: Path, start_echo: Callable[..., subprocess.Popen[bytes]]):
    rng = random.Random(20)
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    formats = [format for format in FORMATS if format in SUFFIXES]
    seeds = {format: _seeds(format) for format in formats}
    names = set()
    for number in range(count):
        format = formats[number % len(formats)]
        suffix = SUFFIXES[rng.choice(formats)] if rng.random() < 0.15 else SUFFIXES[format]  # some under a wrong name
        name = f"{number:04d}{suffix}"
        data = b"" if rng.random() < 0.02 else _mutate(rng.choice(seeds[format]), rng)
        (source / name).write_bytes(data)
        names.add(name)
    process = start_echo("upscale", source, "-o", f"{out}/", "--json", "--max-pixels", "1M")
    stdout, stderr = process.communicate(timeout=900)
    events = [json.loads(line) for line in stdout.splitlines()]
    ends = {Path(event["input"]).name: event["event"] for event in events if event["event"] in ("done-item", "failed")}
    assert process.returncode == 1, stdout.decode()[-500:] + stderr.decode()
    assert b"Traceback" not in stderr and b"bug" not in stdout
    assert set(ends) == names
    assert all(event["hint"] and "\n" not in event["message"] for event in events if event["event"] == "failed")
    assert events[-1]["event"] == "done" and events[-1]["done"] + events[-1]["failed"] == count
    written = {path for path in out.iterdir() if not path.name.startswith(".")}
    assert not list(out.glob("*.part"))
    assert len(written) == events[-1]["done"]
    for path in written:
        with Image.open(path) as picture:
            picture.load()


def test_a_header_that_lies_about_its_size_takes_no_space_in_the_plan(
    tmp_path: Path, start_echo: Callable[..., subprocess.Popen[bytes]]
):
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    huge = bytearray((tmp_path / "good.png").read_bytes())
    huge[16:24] = b"\x00\x7f\xff\xff" * 2  # eight million pixels on each side
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(huge)
    process = start_echo("upscale", tmp_path, "-o", f"{tmp_path}/out/")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr.decode()
    assert stdout.decode().splitlines() == [f"{tmp_path}/out/good.png"]
    assert b"huge.png" in stderr
