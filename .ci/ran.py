"""The page that says of every published model what was run of it: its real files, a tiny build of its network, or neither."""

from __future__ import annotations

from pathlib import Path

from genkit.cards import Card, all_cards

TESTS = Path(__file__).resolve().parent.parent / "tests"

# What runs a tiny build, through the family's own loading: by the network's name, the part's, else the family's (of pipelines,
# with the verb). A family that is not named here has a test of its name. None: no test does.
TESTED: dict[str, str | None] = {
    "FBCNN": None,  # one of its widths is fixed at 512
    "LaMa": "test_cli_inpaint.py",
    "kokoro": None,  # its authors' package is an extra
    "controlnet": "test_family_diffusers_drawing.py",
    "vae": "test_family_diffusers_drawing.py",
    "diffusers for inpaint": "test_family_diffusers.py",
    "diffusers for translate": "test_family_diffusers_editing.py",
    "diffusers for txt2img": "test_family_diffusers_drawing.py",
    "distill_mos": "test_instruments.py",
    "lpips": "test_instruments.py",
    "inception": "test_evaluate_fid.py",
    "whisper": None,  # as is its library
    "vgg19": "test_task_optimize.py",
    **dict.fromkeys(("hibari", "kokoro_onnx", "piper"), "test_family_onnx_voices.py"),
    **dict.fromkeys(("clipseg", "sam3"), "test_family_finders.py"),
    **dict.fromkeys(("bark", "fastspeech2", "speecht5", "vits"), "test_family_voices.py"),
}

HEAD = """# What was run

The files of published models cannot be had everywhere, so not all of them were run where genkit is made. A day says when a
model's real files were, with what its card pins; a test, that a small network of its kind with random weights goes through the
same loading and running, and in many cases through the authors' own code beside it. Neither says how good a model is.

| model | verb | real files run | tiny build run by |
|---|---|---|---|"""


def page() -> str:
    """All published models, by verb and name."""
    rows, counts = [], [0, 0, 0]
    for card in (one for one in all_cards() if one.origin == "catalogue"):
        test = tested_by(card)
        counts[0 if card.ran else 1 if test else 2] += 1
        rows.append(f"| `{card.name}` | {card.task} | {card.ran or '—'} | {f'`tests/{test}`' if test else '—'} |")
    total = f"Of {len(rows)}: {counts[0]} with their real files, {counts[1]} on a tiny build alone, {counts[2]} neither way."
    return "\n".join([HEAD, *rows, "", total, ""])


def tested_by(card: Card) -> str | None:
    """The test that runs a tiny build of a card's network.

    Raises:
        SystemExit: there is no such test, or it does not speak of that network.
    """
    pipeline = str(card.params.get("pipeline", ""))
    family = f"{card.family} for {card.task}" if pipeline else card.family
    key = next((one for one in (card.params.get("architecture"), card.params.get("part")) if one in TESTED), family)
    test = TESTED.get(key, f"test_family_{key}.py")
    if test is None:
        return None
    told = pipeline or {"controlnet": "ControlNetModel", "kokoro_onnx": "kokoro-int8"}.get(key, key)
    where = TESTS / ("tiny_pipelines.py" if pipeline else test)
    if not (TESTS / test).is_file() or told not in where.read_text(encoding="utf-8"):
        raise SystemExit(f"{card.name}: tests/{test} does not run a tiny {told}; say in .ci/ran.py which test does")
    return test
