"""The user's settings: flat dotted keys in `GENKIT_HOME/config.toml`, written whole and atomically.

A setting is the default of the command-line option of its name; an option given on the command line wins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.files import home, read_toml, replace_text

VERBS = ("upscale", "colorize", "inpaint", "cutout", "style", "translate", "gan", "txt2img", "tts")
FORMATS = ("jpeg", "jpg", "png", "webp", "tiff", "tif", "avif", "bmp", "heif")
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")

# Setting: what it takes. `<verb>.<setting>` is for one verb alone and wins over `<setting>`.
SETTINGS = {
    "model": "name of a model of that verb",
    "device": "auto, cpu, cuda, cuda:N or mps",
    "dtype": "auto, float32, float16 or bfloat16",
    "engine": "auto, torch or openvino",
    "format": "jpeg, png, webp, tiff, avif, bmp or heif",
    "quality": "a whole number from 1 to 100",
    "max-pixels": "a whole number above 0",
}
ONLY_PER_VERB = ("model",)
WEIGHTS_SOURCES = ("publisher", "hub", "package")
OF_NO_VERB = {
    "weights.sources": f"some of {', '.join(WEIGHTS_SOURCES)}, in the order to try them for weights, joined by commas"
}
_left_out: list[str] = []


def path() -> Path:
    return home() / "config.toml"


def known_keys() -> dict[str, str]:
    """Every key that may be set, with what it takes."""
    general = {key: text for key, text in SETTINGS.items() if key not in ONLY_PER_VERB}
    return general | OF_NO_VERB | {f"{verb}.{key}": text for verb in VERBS for key, text in SETTINGS.items()}


def read_all() -> dict[str, Any]:
    """All settings made, by key; empty where there is no file.

    Raises:
        UsageError: the file is malformed, or holds a key or value that is not known.
    """
    source = path()
    try:
        raw = read_toml(source)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{source}: not a configuration ({error})", "mend or delete the file") from error
    flat: dict[str, Any] = {}
    _flatten(raw, "", flat)
    for key, value in flat.items():
        try:
            check(key, value)
        except UsageError as error:
            raise UsageError(f"{source}: {error.message}", error.hint) from None
    return flat


def get(key: str) -> Any | None:
    """One setting; `<verb>.<setting>` falls back to `<setting>`. None where it is not set."""
    _known(key)
    setting = key.rpartition(".")[2]
    if setting in _left_out:
        return None
    settings = read_all()
    return settings.get(key, settings.get(setting))


@contextmanager
def leaving_out(*settings: str) -> Iterator[None]:
    """Let `get` not know some settings: what a recipe does not say was not set when it was written."""
    before = _left_out.copy()
    _left_out.extend(settings)
    try:
        yield
    finally:
        _left_out[:] = before


def set(key: str, value: Any, lasting_name: Callable[[str, str], str]) -> Any:
    """Check and store one setting (text is turned into the setting's type), and return what was stored.

    `lasting_name` finds a verb's model and says how to name it for good (`cards.lasting_name`, which stands above this room).
    """
    checked = check(key, value)
    if key.endswith(".model"):
        checked = lasting_name(checked, key.partition(".")[0])
    _write(read_all() | {key: checked})
    return checked


def unset(key: str) -> bool:
    """Take one setting back; False where it was not made."""
    _known(key)
    settings = read_all()
    if key not in settings:
        return False
    _write({name: value for name, value in settings.items() if name != key})
    return True


def check(key: str, value: Any) -> Any:
    """Return the value in its setting's type. Whether a model exists is asked when it is set and when it is used.

    Raises:
        UsageError: the key is not known, or the value is not one that it takes.
    """
    _known(key)
    setting = key.rpartition(".")[2]
    text = str(value).strip()
    right = bool(text)
    if key == "weights.sources":
        kinds = [kind.strip().lower() for kind in text.split(",")]
        text, right = ",".join(kinds), {*kinds} <= {*WEIGHTS_SOURCES} and len({*kinds}) == len(kinds)
    elif setting in ("quality", "max-pixels"):
        right = text.isdecimal() and 1 <= int(text) <= (100 if setting == "quality" else 10**12)
    elif setting == "device":
        right = bool(DEVICE.fullmatch(text))
    elif setting == "dtype":
        right = text in ("auto", "float32", "float16", "bfloat16")
    elif setting == "engine":
        right = text in ("auto", "torch", "openvino")
    elif setting == "format":
        right = text.lower() in FORMATS
    if not right:
        raise UsageError(f"{key} = {text}: expected {OF_NO_VERB.get(key) or SETTINGS[setting]}")
    if setting in ("quality", "max-pixels"):
        return int(text)
    return text if setting == "model" else text.lower()


def _known(key: str) -> None:
    if key in known_keys():
        return
    import difflib

    near = difflib.get_close_matches(key, known_keys(), n=3)
    hint = f"did you mean {', '.join(near)}?" if near else f"settings: {', '.join(SETTINGS)}; verb by verb: upscale.model"
    raise UsageError(f"unknown setting {key}", hint)


def _flatten(table: Mapping[str, Any], prefix: str, flat: dict[str, Any]) -> None:
    for name, value in table.items():
        if isinstance(value, Mapping):
            _flatten(value, f"{prefix}{name}.", flat)
        else:
            flat[f"{prefix}{name}"] = value


def _write(settings: Mapping[str, Any]) -> None:
    import tomli_w

    replace_text(path(), tomli_w.dumps(dict(sorted(settings.items()))))
