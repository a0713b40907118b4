"""Draw pictures from prompts: what is drawn together, what a picture to begin with must look like, and running out of memory.

A prompt and a seed give the same picture whatever is drawn with them: each has noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import InputError, RunError, UsageError
from genkit.media.pictures.picture import Picture
from genkit.pixels import arrays
from genkit.run import ability
from genkit.verbs.txt2img.job import Job, ReferenceImage, Size
from genkit.verbs.txt2img.prompts import has_weights, pieces, plain
from genkit.verbs.txt2img.remarks import WALLPAPER

if TYPE_CHECKING:
    from genkit.models.shapes import DrawModel
    from genkit.models.shapes.draw import Prompt
    from genkit.run.verb import Notify

FAR = 2.25  # times the native number of pixels: from here on models begin to repeat things


def cover(pixels: np.ndarray, size: Size) -> np.ndarray:
    """Pixels (H, W, C) at `size` (width, height): resized until both sides are filled, and the middle cut out."""
    from genkit.pixels.resample import resize

    height, width = pixels.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    inside = max(size[0], round(width * scale)), max(size[1], round(height * scale))
    left, top = (inside[0] - size[0]) // 2, (inside[1] - size[1]) // 2
    return np.ascontiguousarray(resize(pixels, *inside)[top : top + size[1], left : left + size[0]])


# --- before the first picture ---------------------------------------------------------------------------------------------


def check(model: DrawModel, jobs: Sequence[Job], name: str, notify: Notify = lambda message: None) -> None:
    """Look at every prompt before any is drawn: a model must read all of it.

    Raises:
        UsageError: longer than the text encoder's window, or weights that the model does not take; names the prompt.
    """
    if not model.starts and any(job.init for job in jobs):
        names = ", ".join(ability.able("txt2img", "init"))
        raise UsageError(f"--init: {name} cannot begin with a picture", f"models with it: {names}", code="model-option")
    seen: set[str] = set()
    for job in jobs:
        for what, text in (("", job.prompt), ("negative of ", job.negative)):
            if not text or (what + text) in seen:
                continue
            seen.add(what + text)
            if has_weights(text) and not model.weighting:
                raise UsageError(
                    f"{what}{job.place}: {name} takes no weights such as (words:1.3)",
                    r"leave them out, or write \( for a parenthesis that is meant",
                    code="weights-in-prompt",
                )
            count = model.count_tokens(plain(text))
            if count <= model.window:
                continue
            if not model.chunks:
                raise UsageError(
                    f"{what}{job.place}: {count} tokens long, and {name} reads {model.window}",
                    "make it shorter: a word is about 1.3 tokens",
                    code="prompt-too-long",
                )
            notify(f"{what}{job.place}: {count} tokens, which {name} reads in pieces of {model.window}")
    for size in dict.fromkeys(job.size for job in jobs if job.size):
        width, height = model.native_size
        if FAR * width * height < size[0] * size[1] < WALLPAPER * width * height:  # the plan told of more
            notify(
                f"{name} is made for about {width}x{height}: at {size[0]}x{size[1]} it may repeat things; "
                "--upscale enlarges what was drawn"
            )


# --- drawing --------------------------------------------------------------------------------------------------------------


def draw(model: DrawModel, jobs: Sequence[Job], *, batch: int = 1, notify: Notify = lambda message: None) -> Iterator[Picture]:
    """Draw jobs in order, `batch` at once where they have all but prompts and seeds in common.

    Where memory runs out, one is drawn at a time; where it does even so, the model's next cheaper setting is tried once.

    Raises:
        UsageError: options that do not go together. InputError: the safety checker withheld a picture.
        RunError: out of memory all the same, or numbers that are none.
    """
    start = 0
    while start < len(jobs):
        stop = start + 1
        while stop < min(len(jobs), start + batch) and jobs[stop].kind == jobs[start].kind:
            stop += 1
        images, batch = _fitting(model, jobs[start:stop], batch, notify)
        yield from map(picture_of, images)
        start += len(images)


def picture_of(image: np.ndarray) -> Picture:
    """Of (3 or 4, H, W) in [0, 1]."""
    pixels = np.empty((*image.shape[1:], len(image)), np.uint8)
    arrays.store(image, pixels, 255)
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(pixels[..., :3]), alpha)


def _fitting(model: DrawModel, jobs: Sequence[Job], batch: int, notify: Notify) -> tuple[np.ndarray, int]:
    """Pictures of the first jobs that fit into memory, and how many may be tried next."""
    from genkit import runtime

    frugal = None
    while True:
        try:
            with runtime.inference():
                images = _call(model, jobs, notify)
        except InputError as error:
            if error.code != "withheld" or len(jobs) == 1:
                raise
            jobs = jobs[:1]  # which of them it was is known when each is drawn alone
            continue
        except (RuntimeError, MemoryError) as error:
            if not runtime.is_out_of_memory(error):
                raise
        else:
            if np.isfinite(images).all():
                return images, batch
            number_format = runtime.dtype_name(model.dtype)
            if number_format == "float32":
                raise RunError("the model gave numbers that are none", "is it a model that was trained to its end?")
            notify(f"numbers out of range in {number_format}: float32 from here on")
            model.to(model.device, "float32")
            continue
        # outside the except block, so that the traceback no longer holds the tensors that did not fit
        runtime.release(model.device)
        if len(jobs) > 1:
            jobs, batch = jobs[:1], 1
            notify(f"out of memory on {model.device}: one picture at a time from here on")
            continue
        spent, frugal = frugal, None if frugal else model.cheaper()
        if frugal is None:
            what = f", with {spent}" if spent else ""
            smaller = f"a smaller --size than {jobs[0].size[0]}x{jobs[0].size[1]}" if jobs[0].size else "a smaller --size"
            raise RunError(f"out of memory on {model.device}{what}", f"{smaller}, or a smaller model")
        notify(f"out of memory on {model.device}: trying once more with {frugal}")


def _call(model: DrawModel, jobs: Sequence[Job], notify: Notify) -> np.ndarray:
    first = jobs[0]
    given: dict[str, Any] = dict(first.options)
    width, height = first.size or model.native_size
    if first.negative:
        given["negative"] = [_read(job.negative) for job in jobs]
    if first.init is not None:
        given["init"] = _begin(first.init, (width, height), model.channels, notify)
        given |= {} if first.denoise is None else {"denoise": first.denoise}
    if first.control:
        given["control"] = [(kind, _guide(kind, image, (width, height), notify)) for kind, image in first.control]
        given |= {} if first.control_strength is None else {"control_strength": first.control_strength}
    prompts = [_read(job.prompt) for job in jobs]
    return model(prompts, [job.seed for job in jobs], width=width, height=height, **given)


def _read(text: str) -> Prompt:
    """A prompt as models take it: the text, or its pieces where they have weights."""
    return pieces(text) if has_weights(text) else plain(text)


def _begin(image: ReferenceImage, size: Size, channels: int, notify: Notify) -> np.ndarray:
    """The picture to begin with: (1, 3, H, W), or 4 channels where the model draws its own alpha."""
    from genkit.pixels.transparency import bleed

    pixels, alpha = _rgb(image)
    if alpha is None:
        whole = arrays.to_images(cover(pixels, size))
        return whole if channels == 3 else _with_alpha(whole, None)
    if channels == 4:
        return _with_alpha(arrays.to_images(cover(bleed(pixels, alpha), size)), arrays.to_images(cover(alpha[..., None], size)))
    notify(f"{image.name}: what is transparent in it counts as white")
    colours, share = (arrays.to_images(cover(each, size)) for each in (bleed(pixels, alpha), alpha[..., None]))
    return colours * share + 1 - share


def _rgb(image: ReferenceImage) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W, 3) and alpha (H, W) or None."""
    picture = image.read()
    pixels = np.repeat(picture.pixels, 3, axis=2) if picture.pixels.shape[2] == 1 else picture.pixels
    return pixels, picture.alpha


def _with_alpha(colours: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    return np.concatenate([colours, np.ones_like(colours[:, :1]) if alpha is None else alpha], 1)


def _guide(kind: str, image: ReferenceImage, size: Size, notify: Notify) -> np.ndarray:
    """A picture that guides: edges are found in a photograph, a map of any kind goes in as it is."""
    from genkit.pixels import canny

    pixels, _ = _rgb(image)
    if kind == "canny":
        if canny.is_edge_map(pixels):
            notify(f"{image.name}: taken for edges as it is")
        else:
            pixels = canny.edge_map(cover(pixels, size))
    return arrays.to_images(cover(pixels, size))


def facts_of(job: Job, name: str) -> dict[str, str]:
    """What may differ between pictures of one run, in words, for the labels of a sheet."""
    found = {"prompt": plain(job.prompt), "negative": plain(job.negative)}
    found |= {option: _plain(value) for option, value in job.options if value is not None}
    found |= {"size": "x".join(map(str, job.size)) if job.size else "", "scheduler": job.setup.scheduler or name}
    found |= {"denoise": _plain(job.denoise) if job.denoise is not None else "", "seed": str(job.seed)}
    found["lora"] = ", ".join(f"{_stem(path)} {weight:g}" for path, weight in job.setup.loras)
    return found


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".safetensors")


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
