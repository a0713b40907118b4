"""Real diffusers folders with random weights, a few hundred kB each, laid out as the published repositories are.

Everything is made here, tokenizers too (bytes and no merges), so nothing is fetched. `build(name, folder)` writes one with
`save_pretrained`; `BUILDERS` names them by the pipeline class that runs them. `loaded_pipelines.py` loads them for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

CHAT = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)


def build(name: str, folder: Path, *, variant: str | None = None) -> Path:
    """Write the tiny pipeline of that class to `folder`, always the same one; `variant` marks the weight files."""
    from diffusers.utils import logging

    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = BUILDERS[name]()
    if variant == "fp16":
        pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, variant=variant)
    return folder


def stable_diffusion(name: str, channels: int) -> Any:
    import diffusers
    from transformers import CLIPImageProcessor

    return getattr(diffusers, name)(
        vae=autoencoder(),
        text_encoder=text_encoder(),
        tokenizer=clip_tokenizer(),
        unet=unet(channels, 16),
        scheduler=diffusers.PNDMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, skip_prk_steps=True
        ),
        safety_checker=safety_checker(),
        feature_extractor=CLIPImageProcessor(size=16, crop_size=16),
    )


def stable_diffusion_xl(name: str, channels: int) -> Any:
    import diffusers

    return getattr(diffusers, name)(
        vae=autoencoder(),
        text_encoder=text_encoder(),
        text_encoder_2=text_encoder(projected=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=unet(
            channels,
            32,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 16,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        add_watermarker=False,
    )


def z_image() -> Any:
    """Saved as the plain pipeline, as the published repository is; the inpainting one takes the same parts."""
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen3Model

    transformer = ZImageTransformer2DModel(
        in_channels=16, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
        axes_dims=[8, 4, 4], axes_lens=[640, 32, 32],
    )  # fmt: skip
    for name, value in transformer.named_parameters():
        if "pad_token" in name:  # made without values, because the published ones are always loaded
            torch.nn.init.normal_(value, std=0.02)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder(16, shift_factor=0.1159, scaling_factor=0.3611, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=Qwen3Model(qwen_config(layers=2)),
        tokenizer=qwen_tokenizer(),
        transformer=transformer,
    )


def flux2_klein() -> Any:
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3ForCausalLM

    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=AutoencoderKLFlux2(
            block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=64
        ),
        text_encoder=Qwen3ForCausalLM(qwen_config(layers=27)),  # the pipeline takes the 9th, 18th and 27th
        tokenizer=qwen_tokenizer(),
        transformer=Flux2Transformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=3 * 16, timestep_guidance_channels=32, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        ),
        is_distilled=True,
    )  # fmt: skip


def flux() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import T5Config, T5EncoderModel

    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=autoencoder(4, shift_factor=0.1159, scaling_factor=0.3611, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=text_encoder(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=T5EncoderModel(
            T5Config(vocab_size=len(t5_vocabulary()), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
        ),
        tokenizer_2=t5_tokenizer(),
        transformer=FluxTransformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=False,
        ),
    )  # fmt: skip


def qwen_image() -> Any:
    from diffusers import QwenImagePipeline

    edit = qwen_image_edit()
    return QwenImagePipeline(**{name: part for name, part in edit.components.items() if name != "processor"})


def qwen_image_edit() -> Any:
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImageEditPlusPipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    words = qwen_vocabulary()
    small = {"hidden_size": 16, "intermediate_size": 16}
    config = Qwen2_5_VLConfig(
        text_config={
            **small, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": len(words),
            "rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [1, 1, 2]},
            "bos_token_id": None, "eos_token_id": words["<|im_end|>"], "pad_token_id": words["<|endoftext|>"],
        },
        vision_config={**small, "depth": 1, "num_heads": 2, "out_hidden_size": 16, "fullatt_block_indexes": [0]},
        image_token_id=words["<|image_pad|>"], video_token_id=words["<|video_pad|>"],
        vision_start_token_id=words["<|vision_start|>"], vision_end_token_id=words["<|vision_end|>"],
    )  # fmt: skip
    return QwenImageEditPlusPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02),
        vae=AutoencoderKLQwenImage(
            base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=qwen_tokenizer(),
        processor=Qwen2VLProcessor(
            image_processor=Qwen2VLImageProcessor(), tokenizer=qwen_tokenizer(), video_processor=Qwen2VLVideoProcessor(),
            chat_template=CHAT,
        ),
        transformer=QwenImageTransformer2DModel(
            in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
        ),
    )  # fmt: skip


def longcat_edit() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, LongCatImageEditPipeline, LongCatImageTransformer2DModel

    edit = qwen_image_edit()
    return LongCatImageEditPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder(16, shift_factor=0.1159, scaling_factor=0.3611, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=edit.text_encoder,
        tokenizer=edit.tokenizer,
        text_processor=edit.processor,
        transformer=LongCatImageTransformer2DModel(
            in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=[4, 4, 8],
        ),
    )  # fmt: skip


BUILDERS: dict[str, Callable[[], Any]] = {
    "StableDiffusionInpaintPipeline": lambda: stable_diffusion("StableDiffusionInpaintPipeline", 9),
    "StableDiffusionXLInpaintPipeline": lambda: stable_diffusion_xl("StableDiffusionXLInpaintPipeline", 9),
    "ZImageInpaintPipeline": z_image,
    "Flux2KleinInpaintPipeline": flux2_klein,
    "StableDiffusionInstructPix2PixPipeline": lambda: stable_diffusion("StableDiffusionInstructPix2PixPipeline", 8),
    "Flux2KleinPipeline": flux2_klein,
    "QwenImageEditPlusPipeline": qwen_image_edit,
    "LongCatImageEditPipeline": longcat_edit,
    "StableDiffusionImg2ImgPipeline": lambda: stable_diffusion("StableDiffusionPipeline", 4),
    "StableDiffusionXLImg2ImgPipeline": lambda: stable_diffusion_xl("StableDiffusionXLPipeline", 4),
    "ZImageImg2ImgPipeline": z_image,
    "StableDiffusionPipeline": lambda: stable_diffusion("StableDiffusionPipeline", 4),
    "StableDiffusionXLPipeline": lambda: stable_diffusion_xl("StableDiffusionXLPipeline", 4),
    "FluxPipeline": flux,
    "ZImagePipeline": z_image,
    "QwenImagePipeline": qwen_image,
}


# --- parts --------------------------------------------------------------------------------------------------------------


def autoencoder(latents: int = 4, **options: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=latents,
        norm_num_groups=4,
        sample_size=64,
        **options,
    )


def unet(channels: int, cross: int, **options: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        in_channels=channels,
        out_channels=4,
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross,
        attention_head_dim=4,
        **options,
    )


def text_encoder(projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    vocabulary = clip_vocabulary()
    config = CLIPTextConfig(
        hidden_size=16,
        intermediate_size=16,
        projection_dim=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        vocab_size=len(vocabulary),
        bos_token_id=vocabulary["<|startoftext|>"],
        eos_token_id=vocabulary["<|endoftext|>"],
        pad_token_id=vocabulary["<|endoftext|>"],
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def safety_checker() -> Any:
    """A checker that flags nothing: its thresholds are above any cosine."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    config = CLIPConfig(
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 8,
        },
        projection_dim=16,
    )
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds_weights.data.fill_(2.0)
    checker.special_care_embeds_weights.data.fill_(2.0)
    return checker


def qwen_config(layers: int) -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=len(qwen_vocabulary()), hidden_size=16, intermediate_size=16, num_hidden_layers=layers,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=1024, tie_word_embeddings=True,
        bos_token_id=None, eos_token_id=qwen_vocabulary()["<|im_end|>"], pad_token_id=qwen_vocabulary()["<|endoftext|>"],
    )  # fmt: skip


def _bytes() -> list[str]:
    """The 256 signs by which byte-level tokenizers write bytes."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def clip_vocabulary() -> dict[str, int]:
    signs = [*_bytes(), *(f"{sign}</w>" for sign in _bytes()), "<|startoftext|>", "<|endoftext|>"]
    return {sign: index for index, sign in enumerate(signs)}


def clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    return CLIPTokenizer(vocab=clip_vocabulary(), merges=[], model_max_length=77)


def t5_vocabulary() -> list[tuple[str, float]]:
    return [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), ("\u2581", -1.0), *((chr(code), -2.0) for code in range(33, 127))]


def t5_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import T5TokenizerFast

    tokenizer = Tokenizer(models.Unigram(t5_vocabulary(), unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return T5TokenizerFast(tokenizer_object=tokenizer, model_max_length=512, extra_ids=0)


QWEN_SIGNS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def qwen_vocabulary() -> dict[str, int]:
    return {sign: index for index, sign in enumerate([*_bytes(), *QWEN_SIGNS])}


def qwen_tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    signs = list(QWEN_SIGNS[1:])
    return Qwen2Tokenizer(
        vocab=qwen_vocabulary(), merges=[], model_max_length=1024, chat_template=CHAT, additional_special_tokens=signs
    )


# --- as the first repositories were published ---------------------------------------------------------------------------


def age(folder: Path) -> Path:
    """Turn a folder of `stable_diffusion` into what 2022 published: names and buffers that today's libraries have dropped."""
    import json

    from safetensors.torch import load_file, save_file

    def rename(path: Path, change: Callable[[str], str], **extra: torch.Tensor) -> None:
        state = {change(name): value for name, value in load_file(path).items()}
        save_file({**state, **extra}, path, metadata={"format": "pt"})

    positions = torch.arange(77)[None]
    rename(
        folder / "text_encoder/model.safetensors",
        lambda name: f"text_model.{name}",
        **{"text_model.embeddings.position_ids": positions},
    )
    rename(
        folder / "safety_checker/model.safetensors",
        lambda name: name,
        **{"vision_model.vision_model.embeddings.position_ids": torch.arange(5)[None]},
    )
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def older(name: str) -> str:
        for new, before in old.items():
            name = name.replace(f".{new}.", f".{before}.")
        return name

    rename(folder / "vae/diffusion_pytorch_model.safetensors", older)
    (folder / "tokenizer/tokenizer.json").unlink()
    (folder / "tokenizer/vocab.json").write_text(json.dumps(clip_vocabulary()))
    (folder / "tokenizer/merges.txt").write_text("#version: 0.2\n")
    index = json.loads((folder / "model_index.json").read_text())
    index["feature_extractor"] = ["transformers", "CLIPFeatureExtractor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


# --- as one file, in the layout of the first authors --------------------------------------------------------------------

UNET_PARTS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "conv_in": "input_blocks.0.0",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
RESNET_PARTS = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
VAE_PARTS = {
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}


def one_file(folder: Path, path: Path) -> Path:
    """Write the networks of a `stable_diffusion` folder as one checkpoint, named as its first authors named them."""
    from safetensors.torch import load_file, save_file

    state: dict[str, torch.Tensor] = {}
    for name, value in load_file(folder / "unet/diffusion_pytorch_model.safetensors").items():
        state[f"model.diffusion_model.{_first_unet_name(name)}"] = value
    for name, value in load_file(folder / "vae/diffusion_pytorch_model.safetensors").items():
        attention = ".attentions." in name and name.endswith("weight") and value.ndim == 2
        state[f"first_stage_model.{_first_vae_name(name)}"] = value[..., None, None] if attention else value
    for name, value in load_file(folder / "text_encoder/model.safetensors").items():
        inner = name if name.startswith("text_model.") else f"text_model.{name}"
        state[f"cond_stage_model.transformer.{inner}"] = value
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path


def _replaced(name: str, parts: dict[str, str]) -> str:
    for new, first in parts.items():
        name = name.replace(new, first)
    return name


def _first_unet_name(name: str) -> str:
    """For blocks of one layer: each is two entries of the input's list (layer, halving), and two of the output's."""
    words = name.split(".")
    if words[0] not in ("down_blocks", "up_blocks"):
        name = _replaced(name, UNET_PARTS)
        return _replaced(name, RESNET_PARTS) if name.startswith(("middle_block.0", "middle_block.2")) else name
    block, part, layer, rest = int(words[1]), words[2], int(words[3]), ".".join(words[4:])
    if words[0] == "down_blocks":
        place = 1 + 2 * block + layer
        return {
            "resnets": f"input_blocks.{place}.0.{_replaced(rest, RESNET_PARTS)}",
            "attentions": f"input_blocks.{place}.1.{rest}",
            "downsamplers": f"input_blocks.{2 + 2 * block}.0.op.{rest.removeprefix('conv.')}",
        }[part]
    return {
        "resnets": f"output_blocks.{2 * block + layer}.0.{_replaced(rest, RESNET_PARTS)}",
        "attentions": f"output_blocks.{2 * block + layer}.1.{rest}",
        "upsamplers": f"output_blocks.{2 * block + 1}.{2 if block == 0 else 1}.{rest}",
    }[part]


def _first_vae_name(name: str) -> str:
    words = _replaced(name, VAE_PARTS).split(".")
    if len(words) > 2 and words[1] in ("down_blocks", "up_blocks"):
        side, up = ("up", True) if words[1] == "up_blocks" else ("down", False)
        place = 3 - int(words[2]) if up else int(words[2])
        kind = {"resnets": f"block.{words[4]}", "downsamplers": "downsample", "upsamplers": "upsample"}[words[3]]
        return ".".join([words[0], side, str(place), kind, *words[5:]])
    return ".".join(words)
