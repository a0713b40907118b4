"""Help: quick, complete, readable at 80 columns, and without a single heavy import."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run, environment

from genkit.cli.app import COMMANDS

HEAVY = ("torch", "numpy", "PIL", "rich", "spandrel", "imagecodecs", "huggingface_hub", "pydantic")
PAGES = [[], *([name] for name in COMMANDS)]
LISTING = (
    "import sys\nfrom genkit.cli.app import main\nmain(sys.argv[1:])\n"
    f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
)


@pytest.mark.parametrize("command", PAGES, ids=lambda command: " ".join(command) or "genkit")
def test_help_fits_80_columns_and_ends_well(command: list[str], genkit: Run):
    outcome = genkit(*command, "--help")
    assert outcome.code == 0 and not outcome.err
    assert genkit(*command, "-h").out == outcome.out
    assert "Usage: genkit" in outcome.out and "--help" in outcome.out
    assert max(len(line) for line in outcome.lines) <= 80
    assert "\x1b" not in outcome.out


def test_help_of_every_command_imports_nothing_heavy():
    script = (
        "import contextlib, io, sys\nfrom genkit.cli.app import COMMANDS, main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    codes = [main([name, '--help']) for name in COMMANDS] + [main(['--help']), main([]), main(['--version'])]\n"
        f"print(codes, [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.strip() == f"{[0] * (len(COMMANDS) + 3)} []", done.stdout + done.stderr


def test_the_installed_entry_point_and_the_module_are_one_program():
    installed = Path(sys.executable).with_name("genkit")
    if not installed.exists() and shutil.which("genkit") is None:
        pytest.skip("the package is not installed, only on the path")
    for command in ([str(installed if installed.exists() else "genkit")], [sys.executable, "-m", "genkit"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, env=environment(), check=True)
        assert re.fullmatch(r"genkit \d+\.\d+\.\d+\n", done.stdout)


def test_options_stand_in_panels_with_their_defaults(genkit: Run):
    page = genkit("upscale", "--help").out
    titles = re.findall(r"^╭─ (\S[\w -]*?) ─", page, re.M)
    assert (
        titles[0] == "Arguments" and {"Size", "Run", "Model", "Output", "Reporting"} <= set(titles) and titles[-1] == "Options"
    )
    flat = re.sub(r"[\s│]+", " ", page)
    for text in ("default: auto", "default: beside each input", "default: 100M", "default: the model's, 4"):
        assert text in flat
    for option in (
        "--scale",
        "--size",
        "--tile",
        "--wrap",
        "--tta",
        "--resume",
        "--again",
        "--dry-run",
        "-O",
        "--strip-metadata",
    ):
        assert option in page


def test_nothing_said_is_help(genkit: Run):
    assert genkit().out == genkit("--help").out
    for name in COMMANDS:
        assert name in genkit().out


def test_colour_on_a_terminal_only_and_never_with_no_color(monkeypatch: pytest.MonkeyPatch):
    from genkit.cli import help as pages

    class Terminal:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert pages.coloured(Terminal())
    assert "\x1b[36m--scale" in pages.panel("Size", [("--scale N", "How large. [default: 4]")], paint=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not pages.coloured(Terminal())


def test_long_names_and_ascii_terminals(monkeypatch: pytest.MonkeyPatch):
    from genkit.cli import help as pages

    class Plain:
        encoding = "ascii"

    name = "--a-very-long-option-name-indeed VALUE"
    drawn = pages.panel("Title", [(name, "Text."), ("-x", "More.")], paint=False)
    assert name in drawn.splitlines()[1] and "Text." in drawn.splitlines()[2]
    monkeypatch.setattr(sys, "stdout", Plain())
    assert pages.panel("Title", [("-x", "More.")], paint=False).isascii()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("genkit up", {"upscale"}),
        ("genkit upscale --model tin", {"tiny"}),
        ("genkit upscale --model genkit-x", {"genkit-x2", "genkit-x4"}),
        ("genkit config set upscale.mo", {"upscale.model"}),
    ],
)
def test_completion(line: str, expected: set[str], tiny: str):
    asked = environment(COMP_WORDS=line, COMP_CWORD=str(line.count(" ")), _GENKIT_COMPLETE="complete_bash")
    done = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, env=asked, check=False)
    assert expected <= set(done.stdout.split())
    assert all(word.startswith(line.split()[-1]) for word in done.stdout.split())


def test_completion_can_be_shown():
    asked = environment(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    done = subprocess.run(
        [sys.executable, "-m", "genkit", "--show-completion", "bash"], capture_output=True, text=True, env=asked, check=False
    )
    assert "_GENKIT_COMPLETE" in done.stdout
