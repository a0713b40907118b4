"""What options of one line name: reference images, LoRAs, autoencoders; and the numbers beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError, UsageError
from genkit.files import is_input
from genkit.run import ability
from genkit.verbs.txt2img.task import ReferenceImage

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture

LARGEST_WEIGHT = 10.0  # of a LoRA


class Files:
    """The files that one line names, as they are named or else beside the list that names them (in `folder`), with what its
    recipe will say of them. `open_image` gives the picture of a path."""

    def __init__(self, folder: Path, open_image: Callable[[Path], Picture]):
        self._folder, self._open = folder, open_image
        self.files: dict[str, Path] = {}
        self.spelling: dict[str, tuple[str, str]] = {}

    def _find(self, text: str) -> Path:
        path = Path(text)
        return path if path.exists() or path.is_absolute() else next(filter(Path.exists, [self._folder / path]), path)

    def image(self, option: str, text: str | None, number: int = 1) -> ReferenceImage | None:
        if text is None:
            return None
        path = self._find(text)
        size = _dimensions(path, f"--{option}")
        self.files[_numbered(option, number)] = path
        return ReferenceImage(str(path), size, partial(self._open, path))

    def control(self, text: str, number: int) -> tuple[str, ReferenceImage]:
        kind, colon, path = text.partition(":")
        if not (colon and kind and path) or "/" in kind:
            raise UsageError(f"--control {text}: expected KIND:IMG, such as canny:photo.jpg")
        self._refuse_unknown_kind(kind)
        image = self.image("control", path, number)
        assert image is not None
        self.spelling[_numbered("control", number)] = (f"{kind}:", "")
        return kind, image

    def _refuse_unknown_kind(self, kind: str) -> None:
        """Refuse a kind of guiding picture for which no model has a network; a card's own name will do, too."""
        from genkit import cards

        if kind in cards.names("txt2img") or Path(kind).is_dir():
            return
        guiding = [card for card in cards.all_cards("txt2img") if card.params.get("part") == "controlnet"]
        if kind not in {alias for card in guiding for alias in card.aliases}:
            ability.refuse_unknown("--control", kind, sorted({str(card.params["control"]) for card in guiding}))

    def loras(self, texts: Sequence[str]) -> tuple[tuple[tuple[str, float], ...], dict[str, Any]]:
        """(file or name, weight) of each, and what of it is recorded as an option: those that are named."""
        found, named, count = [], [], 0
        for text in texts:
            name, weight = _weighted(text)
            path = self._weights("lora", name)
            if path is None:
                found.append((name, weight))
                named.append(text)
                continue
            count += 1
            option = _numbered("lora", count)
            self.files[option] = path
            self.spelling[option] = ("", f":{weight:.9f}".rstrip("0").rstrip("."))
            found.append((str(path), weight))
        return tuple(found), {"lora": named} if named else {}

    def vae(self, text: str | None) -> tuple[str | None, dict[str, Any]]:
        """The file, folder or name of an autoencoder, and what of it is recorded as an option: its name."""
        path = self._weights("vae", text) if text else None
        if path is None:
            return text, {"vae": text} if text else {}
        self.files["vae"] = path
        beside = path.parent / "config.json"
        return str(path.parent if path.name.startswith("diffusion_pytorch_model") and beside.is_file() else path), {}

    def _weights(self, option: str, text: str) -> Path | None:
        """The file with the weights that a text names, in a folder of the usual layout too; None for a card's name.

        Raises:
            UsageError: there is no such file or folder, or no such card.
        """
        path = self._find(text)
        if path.is_dir():
            names = ("pytorch_lora_weights", "adapter_model", "diffusion_pytorch_model", "model")
            inside = [path / f"{name}.safetensors" for name in names]
            known = next(filter(Path.is_file, inside), None) or next(iter(sorted(path.glob("*.safetensors"))), None)
            if known is None:
                raise UsageError(f"--{option} {text}: no .safetensors file in this folder", "name the file itself")
            return known
        if path.is_file():
            if path.suffix != ".safetensors":
                raise UsageError(f"--{option} {text}: weights are read as .safetensors alone", "look for it in that format")
            return path
        if path.exists():
            raise UsageError(f"--{option} {text}: no regular file", "weights are read from a file again and again")
        if path.suffix == ".safetensors" or "/" in text:
            raise UsageError(f"--{option} {text}: not found", code="missing-input")
        from genkit import cards

        cards.find(text)
        return None


def _numbered(option: str, number: int) -> str:
    """How recipes call the second and third file of an option."""
    return option if number == 1 else f"{option}_{number}"


def _weighted(text: str) -> tuple[str, float]:
    """Part `style.safetensors:0.8`."""
    name, colon, weight = text.rpartition(":")
    if not colon or Path(text).exists():
        return text, 1.0
    return name, to_float("--lora", weight, -LARGEST_WEIGHT, LARGEST_WEIGHT, text)


def to_float(flag: str, text: str, low: float, high: float, whole: str | None = None) -> float:
    """A number in bounds; `whole` is the value that it is a part of.

    Raises:
        UsageError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise UsageError(f"{flag} {whole or text}: expected a number from {low:g} to {high:g}")
    return number


def _dimensions(path: Path, flag: str) -> tuple[int, int]:
    """Width and height as it is shown.

    Raises:
        UsageError: it is not there, or no picture.
    """
    from genkit.media.pictures.headers import probe

    if not is_input(path):
        what = "is a folder, not a picture" if path.is_dir() else "no regular file" if path.exists() else "not found"
        raise UsageError(f"{flag} {path}: {what}", code="missing-input")
    try:
        facts = probe(path)
    except InputError as error:
        raise UsageError(f"{flag} {error.message}", error.hint, code=error.code) from error
    return facts.width, facts.height
