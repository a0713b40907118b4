"""genkit: generative media on the command line and from Python.

    import genkit

    large = genkit.upscale("photo.jpg", scale=2)              # a Pillow picture; an array in gives an array out
    genkit.upscale("photo.jpg", "large/photo.jpg", scale=2)   # the file that the command writes, with metadata and recipe
    with genkit.load("genkit-x4") as model:                   # loaded once, for many calls
        large = model(picture)
    for result in genkit.batch("upscale", paths, scale=2):    # results and errors as they come
        ...
    genkit.list_models("upscale")

A verb's function takes the options of its command, under the same names and with the same defaults; it is made of the verb's
declaration when it is first asked for. Nothing heavy is imported until a function is called.
"""

from __future__ import annotations

from typing import Any

from genkit.errors import GenkitError, InputError, OutputError, RunError, UsageError, WeightsError
from genkit.verbs import VERBS
from genkit.version import __version__

__all__ = [
    "GenkitError",
    "InputError",
    "OutputError",
    "RunError",
    "UsageError",
    "WeightsError",
    "__version__",
    "batch",
    "list_models",
    "load",
    *VERBS,
]


def __getattr__(name: str) -> Any:
    value: Any
    if name == "batch":
        from genkit.python.batches import batch as value
    elif name in ("list_models", "load"):
        from genkit.python import loading

        value = getattr(loading, name)
    elif name in VERBS:
        from genkit import verbs
        from genkit.python.functions import function_of

        value = function_of(verbs.find(name))
    else:
        raise AttributeError(f"module 'genkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
