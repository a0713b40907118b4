"""The shapes of loaded models: every attribute that a protocol declares has a value in every class that is one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from genkit.models import shapes
from genkit.models.colorize.colorizing import Colorize
from genkit.models.gan import dcgan
from genkit.models.inpaint.filling import Fill
from genkit.models.style import johnson
from genkit.models.style.perceptual import Perceptual
from genkit.models.translate import cyclegan
from genkit.models.tts.speaking import Speak
from genkit.models.upscale import compact

CPU = torch.device("cpu")
PLACE: dict[str, Any] = {"device": CPU, "dtype": torch.float32}


def voice() -> Speak:
    card: Any = SimpleNamespace(name="voice", params={"languages": ["en-US"]}, can=frozenset())
    return Speak(card, sample_rate=8000)


MODELS: dict[str, Callable[[], Any]] = {
    "TransformModel": lambda: compact.transform(compact.build(4, 1, 2), CPU, torch.float32),
    "FillModel": lambda: Fill(nn.Identity(), size=None, **PLACE),
    "ColorizeModel": lambda: Colorize(nn.Identity(), size=64, chroma=lambda *given: given[1], **PLACE),
    "StyleModel": lambda: johnson.transform(johnson.build("torch", (2, 4, 6), 1), CPU, torch.float32),
    "TranslateModel": lambda: cyclegan.transform(cyclegan.build(4, 1, "instance"), CPU, torch.float32),
    "SampleModel": lambda: dcgan.sample(dcgan.build(), CPU, torch.float32, 100, 3, 0),
    "FeaturesModel": lambda: Perceptual(
        nn.Identity(), lambda *given: iter(()), layers=(), content=(), style=(), minimum=1, pixel_bytes=1, **PLACE
    ),
    "SpeakModel": voice,
}


@pytest.mark.parametrize("name", MODELS)
def test_what_a_shape_declares_has_a_value(name: str) -> None:
    shape, model = getattr(shapes, name), MODELS[name]()
    declared = {key for each in shape.__mro__ for key in getattr(each, "__annotations__", {}) if not key.startswith("_")}
    assert {"shape", "card", "fallback", "progress"} <= declared
    assert not [key for key in sorted(declared) if not hasattr(model, key)]
    assert model.shape == shape.shape and model.fallback is False and model.progress is None


def test_naming_a_shape_imports_no_torch() -> None:
    code = "import sys, genkit.models.shapes; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
