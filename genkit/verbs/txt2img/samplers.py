"""Samplers by the names that other programs give them, and which of ours they are: one table for all of them."""

from __future__ import annotations

import re

# Ours: what it is called elsewhere, in small letters with hyphens, without what says the schedule of noise. Those of ours that
# are not here are called the same everywhere; what is in neither has no counterpart (lms, dpmpp-sde, dpmpp-2s-a, restart, ...).
OTHER_NAMES = {
    "ddim": ("ddim-v3",),
    "dpm2": ("dpm-2", "kdpm-2", "kdpm2"),
    "dpm2-a": ("dpm-2-a", "dpm-2-ancestral", "dpm2-ancestral", "kdpm-2-a", "kdpm-2-ancestral", "kdpm2-a"),
    "dpmpp-2m": ("dpm-solver-multistep", "dpmsolverpp", "dpmpp-2m-gpu"),
    "dpmpp-2m-sde": ("dpmpp-2m-sde-gpu", "dpmpp-2msde"),
    "euler": ("euler-flowmatch", "flowmatch-euler", "euler-discrete"),
    "euler-a": ("euler-ancestral", "eulera", "euler-ancestral-discrete"),
    "pndm": ("plms",),
    "unipc": ("uni-pc", "uni-pc-bh2", "unipc-bh2"),
}
_OURS = {theirs: ours for ours, several in OTHER_NAMES.items() for theirs in several}
ORDINARY = ("", "automatic", "default", "normal", "uniform", "simple", "native", "discrete", "none")  # the model's own schedule
SUFFIX = {"karras": "-karras", "sgm-uniform": "-trailing", "trailing": "-trailing", "ddim-uniform": ""}


def scheduler_of(sampler: str, schedule: str) -> tuple[str | None, bool]:
    """Our name of a sampler with a schedule, None where there is none; and whether it says the schedule, too."""
    from genkit.run.pipelines import scheduler_names

    known = scheduler_names()
    name, schedule = _plain(sampler), _plain(schedule)
    name = re.sub(r"^(?:k|sample)-", "", name)  # of k-diffusion, and of ComfyUI's nodes
    # the web UI and Draw Things say the schedule behind the name, InvokeAI by a k
    for ending, meant in (("-karras", "karras"), ("-k", "karras"), ("-trailing", "trailing")):
        if name.endswith(ending) and name not in known:
            name, schedule = name.removesuffix(ending), meant
        elif name.endswith(ending) and schedule in ORDINARY:
            return name, True
    name = _OURS.get(name, name)
    if name not in known:
        return None, schedule in ORDINARY
    if schedule in ORDINARY:
        return name, True
    whole = f"{name}{SUFFIX[schedule]}" if schedule in SUFFIX else ""
    return (whole, True) if whole in known else (name, False)


def _plain(name: str) -> str:
    return re.sub(r"[\s_/]+", "-", name.strip().lower().replace("++", "pp"))
