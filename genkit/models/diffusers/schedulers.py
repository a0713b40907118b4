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
    return tuple(_known(pipeline.scheduler))


def set_scheduler(pipeline: Any, name: str, model: str) -> None:
    """Let the pipeline sample another way.

    Raises:
        UsageError: as for `scheduler_like`.
    """
    pipeline.scheduler = scheduler_like(pipeline.scheduler, name, model)


def scheduler_like(published: Any, name: str, model: str) -> Any:
    """The scheduler of that name, with the settings of noise that the model is published with.

    Raises:
        UsageError: unknown, or not for this kind of model; names those that are.
    """
    known = _known(published)
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
    kept = {key: value for key, value in dict(published.config).items() if not key.startswith("_")}
    own = {key: value for key, value in kept.items() if key in _parameters(scheduler_class)}
    return scheduler_class.from_config({**own, **settings})


def ordinary(published: Any, prediction: str, zero_snr: bool) -> Any:
    """Euler steps for a network that predicts `prediction`, on the noise of `published`; with `zero_snr` the last step is noise
    alone, as the network was trained."""
    from diffusers import EulerDiscreteScheduler

    spacing = "trailing" if zero_snr else "leading"
    kept = {key: value for key, value in dict(published.config).items() if key in _parameters(EulerDiscreteScheduler)}
    overrides = {
        "prediction_type": prediction,
        "timestep_spacing": spacing,
        "rescale_betas_zero_snr": zero_snr,
        "steps_offset": 1,
    }
    return EulerDiscreteScheduler.from_config({**kept, **overrides})


def _known(scheduler: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    return FLOW if "FlowMatch" in type(scheduler).__name__ else NOISE


def _parameters(scheduler_class: Any) -> set[str]:
    import inspect

    return set(inspect.signature(scheduler_class.__init__).parameters)
