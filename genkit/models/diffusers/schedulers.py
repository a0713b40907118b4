"""Samplers by the names that users know, for pipelines that add noise (`NOISE`) and for flow models (`FLOW`)."""

from __future__ import annotations

import difflib
from typing import Any

from genkit.errors import UsageError

KARRAS = {"use_karras_sigmas": True}
STOCHASTIC = {"algorithm_type": "sde-dpmsolver++"}

# Left out: what needs a further package (lms), and what draws noise that no seed decides (flow models' stochastic steps).
# Name: class of diffusers, and what is set of it; all else comes from the scheduler that the model is published with.
NOISE: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddim-trailing": ("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "ddpm": ("DDPMScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2-a": ("KDPM2AncestralDiscreteScheduler", {}),
    "dpmpp-2m": ("DPMSolverMultistepScheduler", {}),
    "dpmpp-2m-karras": ("DPMSolverMultistepScheduler", KARRAS),
    "dpmpp-2m-sde": ("DPMSolverMultistepScheduler", STOCHASTIC),
    "dpmpp-2m-sde-karras": ("DPMSolverMultistepScheduler", {**STOCHASTIC, **KARRAS}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-a": ("EulerAncestralDiscreteScheduler", {}),
    "euler-karras": ("EulerDiscreteScheduler", KARRAS),
    "euler-trailing": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "tcd": ("TCDScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "unipc-karras": ("UniPCMultistepScheduler", KARRAS),
}
FLOW: dict[str, tuple[str, dict[str, Any]]] = {
    "euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "euler-karras": ("FlowMatchEulerDiscreteScheduler", KARRAS),
}


def names_for(pipeline: Any) -> tuple[str, ...]:
    """The names that this pipeline takes."""
    return tuple(_known(pipeline))


def set_scheduler(pipeline: Any, name: str, model: str) -> None:
    """Let the pipeline sample another way.

    Raises:
        UsageError: unknown, or not for this kind of model; names those that are.
    """
    known = _known(pipeline)
    if name not in known:
        other = name in NOISE or name in FLOW
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        why = f"{model} is a {'flow' if known is FLOW else 'noise'} model and does not sample with {name}"
        raise UsageError(
            why if other else f"there is no scheduler {name!r}",
            f"did you mean {', '.join(near)}?" if near and not other else f"schedulers of {model}: {', '.join(known)}",
            code="model-option",
        )
    import diffusers

    class_name, settings = known[name]
    scheduler_class = getattr(diffusers, class_name)
    # `from_config` on the plain settings: what another class does not know would else be carried along as unused
    kept = {key: value for key, value in dict(pipeline.scheduler.config).items() if not key.startswith("_")}
    own = {key: value for key, value in kept.items() if key in _parameters(scheduler_class)}
    pipeline.scheduler = scheduler_class.from_config({**own, **settings})


def _known(pipeline: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    return FLOW if "FlowMatch" in type(pipeline.scheduler).__name__ else NOISE


def _parameters(scheduler_class: Any) -> set[str]:
    import inspect

    return set(inspect.signature(scheduler_class.__init__).parameters)
