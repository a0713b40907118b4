"""What makes a denoiser quicker: attention kernels, caches of steps that change little, and compilation."""

from __future__ import annotations

from typing import Any

from genkit.errors import UsageError
from genkit.models.diffusers.pipelines import models_with

# Our name: that of diffusers, for transformers. Those that fetch a kernel from the hub when they are set are left out.
KERNELS = {
    "native": "native",
    "math": "_native_math",
    "efficient": "_native_efficient",
    "cudnn": "_native_cudnn",
    "flash": "flash",
    "flash3": "_flash_3",
    "sage": "sage",
    "xformers": "xformers",
}
FOR_UNETS = ("native", "sliced", "xformers")
CACHES = ("first-block", "taylorseer", "pyramid", "faster")


def denoiser_of(pipeline: Any) -> Any:
    """The network that takes the steps: a transformer, or a U-Net."""
    return getattr(pipeline, "transformer", None) or pipeline.unet


def set_attention(pipeline: Any, name: str, model: str) -> None:
    """Compute attention another way.

    Raises:
        UsageError: unknown, not for this network, or its package is not installed.
    """
    denoiser = denoiser_of(pipeline)
    known = FOR_UNETS if hasattr(pipeline, "unet") else tuple(KERNELS)
    if name not in known:
        raise UsageError(
            f"--attention {name}: {model} has no such attention", f"one of {', '.join(known)}", code="model-option"
        )
    try:
        if not hasattr(pipeline, "unet"):
            denoiser.set_attention_backend(KERNELS[name])
        elif name == "sliced":
            denoiser.set_attention_slice("auto")
        elif name == "xformers":
            denoiser.enable_xformers_memory_efficient_attention()
        else:
            denoiser.set_default_attn_processor()
    except (ImportError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UsageError(f"--attention {name} cannot be had here: {reason}", "--attention native") from error


def set_cache(pipeline: Any, name: str, model: str) -> None:
    """Reuse what changes little from step to step: quicker, and slightly another picture.

    Raises:
        UsageError: unknown, or the network cannot.
    """
    denoiser = denoiser_of(pipeline)
    if name not in CACHES:
        raise UsageError(f"--cache {name}: there is no such cache", f"one of {', '.join(CACHES)}", code="model-option")
    if not hasattr(denoiser, "enable_cache"):
        raise UsageError(
            f"--cache: the network of {model} has none",
            models_with("cache"),
            code="model-option",
        )
    import diffusers

    def now() -> Any:
        return pipeline.current_timestep

    settings = {
        "first-block": lambda: diffusers.FirstBlockCacheConfig(threshold=0.08),
        "taylorseer": lambda: diffusers.TaylorSeerCacheConfig(),
        "pyramid": lambda: diffusers.PyramidAttentionBroadcastConfig(
            spatial_attention_block_skip_range=2,
            spatial_attention_timestep_skip_range=(100, 800),
            current_timestep_callback=now,
        ),
        "faster": lambda: diffusers.FasterCacheConfig(
            spatial_attention_block_skip_range=2, spatial_attention_timestep_skip_range=(-1, 681), current_timestep_callback=now
        ),
    }
    try:
        denoiser.enable_cache(settings[name]())
    except (ValueError, NotImplementedError, AttributeError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UsageError(f"--cache {name}: not for the network of {model} ({reason})", "another --cache, or none") from error


def forget_steps(pipeline: Any) -> None:
    """Empty a cache, whose contents belong to the picture before."""
    denoiser = denoiser_of(pipeline)
    if getattr(denoiser, "is_cache_enabled", False):
        denoiser._reset_stateful_cache()


def compile_denoiser(pipeline: Any) -> None:
    """Compile the blocks that repeat, or the whole network; it happens at the first picture of a size."""
    denoiser = denoiser_of(pipeline)
    if getattr(denoiser, "_repeated_blocks", None):
        denoiser.compile_repeated_blocks()
    else:
        denoiser.compile()
