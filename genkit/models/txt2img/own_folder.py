"""Which diffusers folders our own networks draw: those whose settings are theirs, any size, and nothing else on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.models.settings import read_settings, settles
from genkit.models.txt2img import dpm_solver

# a part's folder: the file of its weights
PARTS = {
    "text_encoder": "model.safetensors",
    "unet": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}
TOKENIZER, SCHEDULER = "tokenizer/tokenizer.json", "scheduler/scheduler_config.json"
# settings of a part that may be anything, and those that must be what they are here
SIZES: dict[str, tuple[str, ...]] = {
    "text_encoder": (
        *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
        *("max_position_embeddings", "projection_dim", "bos_token_id", "eos_token_id", "pad_token_id", "architectures"),
        *("dtype", "torch_dtype", "model_type", "transformers_version", "initializer_factor", "initializer_range"),
    ),
    "unet": (
        *("sample_size", "in_channels", "out_channels", "block_out_channels", "down_block_types", "up_block_types"),
        *("mid_block_type", "layers_per_block", "cross_attention_dim", "attention_head_dim", "norm_num_groups"),
        *("addition_embed_type", "addition_embed_type_num_heads"),
    ),
    "vae": (
        *("in_channels", "out_channels", "block_out_channels", "down_block_types", "up_block_types", "layers_per_block"),
        *("latent_channels", "norm_num_groups", "sample_size"),
    ),
}
FIXED: dict[str, dict[str, Any]] = {
    "text_encoder": {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5},
    "unet": {
        "act_fn": "silu",
        "attention_type": "default",
        "conv_in_kernel": 3,
        "conv_out_kernel": 3,
        "downsample_padding": 1,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "mid_block_scale_factor": 1,
        "norm_eps": 1e-5,
        "resnet_out_scale_factor": 1.0,
        "resnet_time_scale_shift": "default",
        "time_embedding_type": "positional",
        "transformer_layers_per_block": 1,
        "use_linear_projection": False,
    },
    "vae": {
        "act_fn": "silu",
        "force_upcast": False,
        "mid_block_add_attention": False,
        "scaling_factor": 1.0,
        "use_quant_conv": True,
        "use_post_quant_conv": True,
    },
}
CROSS, PLAIN = "CrossAttn{}Block2D", "{}Block2D"


def is_own(folder: Path) -> bool:
    """Whether a folder holds such a model, whole; for all others the library says what it is."""
    settings = {name: folder / name / "config.json" for name in PARTS}
    weights = [folder / name / file for name, file in PARTS.items()]
    if not all(path.is_file() for path in (*settings.values(), *weights, folder / TOKENIZER, folder / SCHEDULER)):
        return False
    parts = all(is_own_part(name, read_settings(path)) for name, path in settings.items())
    return parts and dpm_solver.is_own(read_settings(folder / SCHEDULER))


def is_own_part(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether the settings of a part are of a network that is our own."""
    return settles(settings, SIZES[name], FIXED[name]) and _LAYOUTS[name](settings)


def _text_encoder(settings: Mapping[str, Any]) -> bool:
    return settings.get("architectures") == ["CLIPTextModel"]


def _unet(settings: Mapping[str, Any]) -> bool:
    kinds, mids = settings.get("down_block_types", ()), ("UNetMidBlock2D", "UNetMidBlock2DCrossAttn")
    ups = [one.replace("Down", "Up") for one in reversed(kinds)]
    return (
        set(kinds) <= {CROSS.format("Down"), PLAIN.format("Down")}
        and (list(settings["up_block_types"]), settings["mid_block_type"]) == (ups, mids["Cross" in kinds[-1]])
        and settings.get("addition_embed_type") in (None, "text")
        and settings.get("in_channels") == settings.get("out_channels")
    )


def _vae(settings: Mapping[str, Any]) -> bool:
    return (
        set(settings["down_block_types"]) == {"DownEncoderBlock2D"}
        and set(settings["up_block_types"]) == {"UpDecoderBlock2D"}
        and (settings["in_channels"], settings["out_channels"]) == (4, 4)
    )


_LAYOUTS = {"text_encoder": _text_encoder, "unet": _unet, "vae": _vae}
