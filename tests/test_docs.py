"""What the documents show: the CONTRIBUTING card is a card that runs, README commands parse, generated parts are current."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from genkit.verbs import VERBS

ROOT = Path(__file__).parent.parent
PAGES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))}
README = PAGES[ROOT / "README.md"]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_example_card_of_contributing_runs(tmp_path: Path, genkit: Callable[..., Any]):
    from safetensors.torch import save_file

    from genkit.files import home
    from genkit.models.upscale import compact

    match = re.search(r"<!-- example: card -->\n```toml\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert match
    folder = home() / "cards" / "upscale"
    folder.mkdir(parents=True)
    (folder / "example-x2.toml").write_text(match[1])
    torch.manual_seed(0)
    save_file(compact.build(num_feat=8, num_conv=1, scale=2).state_dict(), folder / "example-x2.safetensors")
    Image.new("RGB", (16, 12), "teal").save(tmp_path / "in.png")
    outcome = genkit("upscale", tmp_path / "in.png", "--model", "example-x2", "-o", tmp_path / "out.png", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert Image.open(tmp_path / "out.png").size == (32, 24)


def _shown_commands() -> list[str]:
    text = "\n".join([*PAGES.values(), CONTRIBUTING])
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    lines = [line.split("  ")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted(
        {line for line in lines if line.startswith("genkit ")}
        | set(re.findall(r"`(genkit [^`…]+)`", "\n".join(PAGES.values())))
    )


@pytest.mark.parametrize("line", _shown_commands())
def test_every_command_shown_parses(line: str, genkit: Callable[..., Any]):
    """Each is parsed by the real command with `--help` behind it: an unknown command or option ends in 2 before help shows."""
    words = shlex.split(line.split("<")[0].split(">")[0])[1:]
    words = [word for word in words if word not in ("NAME", "FILE", "COMMAND")]
    outcome = genkit(*words, "--help")
    if outcome.code and words[-1].startswith("--"):  # spoken of without its value
        outcome = genkit(*words, "x", "--help")
    assert outcome.code == 0, outcome.err


def test_the_examples_of_the_readme_run_in_order_in_an_empty_folder(
    tmp_path: Path, genkit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    """As they stand, with the shipped models; of the samples there are fewer and smaller ones, for time."""
    shown = README[README.index("## Start") : README.index("These are small models")]
    lines = re.findall(r"^(?:`)?(genkit [^`\n]+)", shown, re.MULTILINE)
    assert {shlex.split(line)[1] for line in lines} == set(VERBS)
    pictures = (".jpg", ".png", ".webp")
    for path in (ROOT / "samples").rglob("*"):
        if path.suffix in pictures:
            beside = [one for one in path.parent.iterdir() if one.suffix in pictures]
            if path != min(beside, key=lambda one: (one.name not in shown, one.stem != "chelsea", one)):
                continue
        copy = tmp_path / "samples" / path.relative_to(ROOT / "samples")
        if path.suffix in pictures:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as picture:
                picture.resize((max(picture.width // 4, 16), max(picture.height // 4, 16))).save(copy)
        elif path.suffix == ".txt":
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    before = set((tmp_path / "samples").rglob("*"))
    monkeypatch.chdir(tmp_path)
    for line in lines:
        outcome = genkit(*shlex.split(line)[1:])
        assert outcome.code == 0 and outcome.lines, f"{line}: {outcome.err}"
    assert set((tmp_path / "samples").rglob("*")) == before  # nothing that a next run would take for an input


def test_generated_parts_are_current():
    check = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "docs.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr


def test_the_pictures_shown_are_there():
    shown = [(page, name) for page, text in PAGES.items() for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)]
    assert len(shown) > 15
    assert [name for page, name in shown if not (page.parent / name).is_file()] == []


def test_the_readme_is_read_in_three_minutes():
    assert len(README.split()) <= 2000
