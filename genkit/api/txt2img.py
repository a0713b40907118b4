"""Draw pictures from words, from Python."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genkit.api.models import load, recipe_of


def txt2img(
    prompt: str | Sequence[str],
    output: str | Path | None = None,
    *,
    seed: int | Sequence[int] | None = None,
    negative: str = "",
    size: str | tuple[int, int] | None = None,
    init: Any = None,
    denoise: float | None = None,
    batch: int = 1,
    model: Any = None,
    device: str = "auto",
    dtype: str = "auto",
    **model_options: Any,
) -> Any:
    """Draw a prompt: a Pillow picture, or a list of them where several prompts or seeds are given (each prompt with each seed).

    Prompts may have weights, `(words:1.3)`, where the model takes them; `{a|b}` is expanded by the command alone. Without
    `seed` one is drawn at random. `init` is a picture (path, Pillow or array) to begin with. With `output` a single picture is
    written there, and several into that folder under the names that the command gives them, over what is there; paths come
    back. `model` is a name, a folder or what `load` gave, which `model.configure(...)` may have set up before; `model_options`
    are the card's, such as steps=20.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, `genkit.RunError`, ...).
    """
    from genkit import cards
    from genkit.media.pictures.colour import to_srgb
    from genkit.media.pictures.picture import Picture
    from genkit.run import callers
    from genkit.verbs.txt2img import task
    from genkit.verbs.txt2img.prompts import as_one, numbered, slug

    if model is None or isinstance(model, str):
        name = model or cards.default_model("txt2img")
        cards.find(name, "txt2img")  # says what is wrong with it before anything is loaded
        model = load(name, device=device, dtype=dtype)
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    seeds = [secrets.randbelow(1 << 32)] if seed is None else [seed] if isinstance(seed, int) else list(seed)
    shown = taken = None
    if init is not None:
        taken = to_srgb(callers.take(init))
        pixels, alpha = taken.pixels, taken.alpha
        shown = task.Shown("init", lambda: (pixels.repeat(3, 2) if pixels.shape[2] == 1 else pixels, alpha))
    sides = task.parse_size(size) if isinstance(size, str) else size
    if sides is None and taken is not None:
        sides = task.size_after(taken.width, taken.height, model.native_size[0])
    jobs = [
        task.Job(text, one, negative, sides, task.merged(model_options), shown, denoise, place="the prompt")
        for text in prompts
        for one in seeds
    ]
    task.check(model, jobs, getattr(model, "name", "the model"))
    results: list[Any] = []
    stems = numbered(f"{slug(job.prompt)}-seed{job.seed}" for job in jobs)
    for job, stem, drawn in zip(jobs, stems, task.draw(model, jobs, batch=batch), strict=True):
        picture = Picture(drawn.pixels, drawn.alpha)
        if output is None:
            results.append(callers.give_back(picture, None))
            continue
        # braces stand for themselves here, and the command that makes it again must know
        given: dict[str, Any] = {"negative": as_one(negative), "size": f"{picture.width}x{picture.height}", "denoise": denoise}
        given |= {name: value for name, value in model_options.items() if name in ("steps", "guidance")}
        given |= {"no_safety_checker": True} if model_options.get("safety") is False else {}
        others = {name: value for name, value in model_options.items() if name not in ("steps", "guidance", "safety")}
        given |= {"model_options": others} if others else {}
        recipe = recipe_of("txt2img", model, {key: value for key, value in given.items() if value not in (None, "")}, None)
        recipe |= {"seed": job.seed, "prompt": as_one(job.prompt)}
        if init is not None and taken is not None:
            recipe["files"] = {"init": callers.facts_of(init, taken)}
        target = Path(output)
        if len(jobs) > 1:
            target /= f"{stem}.png"
        results.append(callers.write_to(picture, target, recipe))
    return results if len(jobs) > 1 or not isinstance(prompt, str) else results[0]
