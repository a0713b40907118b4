"""genkit: generative media on the command line and from Python.

    import genkit

    large = genkit.upscale("photo.jpg", scale=2)              # a Pillow picture; an array in gives an array out
    genkit.upscale("photo.jpg", "large/photo.jpg", scale=2)   # a file, with metadata and recipe, as the command writes it
    model = genkit.load("genkit-x4")                          # loaded once, for many calls
    genkit.upscale(array, model=model)
    genkit.list_models("upscale")

Nothing heavy is imported until a function is called.
"""

from __future__ import annotations

from genkit.api.colorize import colorize
from genkit.api.gan import gan
from genkit.api.inpaint import inpaint
from genkit.api.models import list_models, load
from genkit.api.style import style
from genkit.api.translate import translate
from genkit.api.tts import tts
from genkit.api.txt2img import txt2img
from genkit.api.upscale import upscale
from genkit.errors import GenkitError, InputError, OutputError, RunError, UsageError, WeightsError

__version__ = "0.1.0"

__all__ = [
    "GenkitError",
    "InputError",
    "OutputError",
    "RunError",
    "UsageError",
    "WeightsError",
    "__version__",
    "colorize",
    "gan",
    "inpaint",
    "list_models",
    "load",
    "style",
    "translate",
    "tts",
    "txt2img",
    "upscale",
]
