"""A small latent diffusion of its own, made of the parts that published text-to-image folders are made of.

Rombach et al. 2022 (arXiv 2112.10752): an autoencoder, a text encoder with its tokenizer, and a U-Net that takes noise off the
autoencoder's latents; here a few megabytes of each, trained together with nothing published. The network says the velocity
(Salimans and Ho 2022, arXiv 2202.00512) on a cosine schedule that ends in noise alone (Nichol and Dhariwal 2021, arXiv
2102.09672), so that a plain background is not bound to be grey. Pictures are RGBA, -1 to 1, (N, 4, H, W), the colour of what
is transparent drawn towards 0 (`premultiplied`); every part is an ordinary class of diffusers or transformers, and `save` makes
an ordinary `StableDiffusionPipeline` folder of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genkit.errors import UsageError

START, END = "<|startoftext|>", "<|endoftext|>"
TRAIN_STEPS = 1000


def tokenizer_of(texts: Iterable[str], vocabulary: int, window: int) -> Any:
    """Learn byte pairs (Sennrich et al. 2016, arXiv 1508.07909) from texts; a CLIPTokenizer of at most `vocabulary` tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    letters = pre_tokenizers.ByteLevel.alphabet()
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    # every letter is a token in the middle and at the end of a word, whether it was seen there or not
    room = max(1, vocabulary - len(letters) - 2)
    trainer = trainers.BpeTrainer(
        vocab_size=room, initial_alphabet=letters, end_of_word_suffix="</w>", min_frequency=2, show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    tokens = [*sorted(letters), *(letter + "</w>" for letter in sorted(letters)), *dict.fromkeys(a + b for a, b in merges)]
    return clip_tokenizer([*dict.fromkeys(tokens), START, END], merges, window)


def clip_tokenizer(tokens: Sequence[str], merges: Sequence[tuple[str, str]], window: int) -> Any:
    from transformers import CLIPTokenizer

    vocabulary = {token: place for place, token in enumerate(tokens)}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=list(merges),  # type: ignore[arg-type]  # pairs, as its files hold them
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=window,
    )


def autoencoder_of(channels: Sequence[int], latents: int, layers: int = 1, groups: int = 4, side: int = 64) -> Any:
    """An AutoencoderKL from and to RGBA that halves the side once for each of `channels` but the first."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=4,
        out_channels=4,
        block_out_channels=tuple(channels),
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=layers,
        latent_channels=latents,
        norm_num_groups=groups,
        mid_block_add_attention=False,
        sample_size=side,
        scaling_factor=1.0,  # `normalise` brings the latents to unit spread inside
        force_upcast=False,
    )


def text_encoder_of(tokenizer: Any, width: int, layers: int, heads: int) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def denoiser_of(
    side: int, latents: int, width: int, channels: Sequence[int], attention: Sequence[bool], layers: int = 1, groups: int = 16,
    heads: int = 4, pooled: bool = False,
) -> Any:  # fmt: skip
    """A UNet2DConditionModel on latents of `side` that attends to words of `width` at the levels where `attention` is true;
    with `pooled`, every block is told of them too, with the time (diffusers' addition of `text`)."""
    from diffusers import UNet2DConditionModel

    if len(channels) != len(attention):
        raise UsageError("network.denoiser: channels and attention are lists of one length")
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=latents,
        out_channels=latents,
        block_out_channels=tuple(channels),
        down_block_types=tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(attention)),
        mid_block_type="UNetMidBlock2DCrossAttn" if attention[-1] else "UNetMidBlock2D",
        layers_per_block=layers,
        cross_attention_dim=width,
        attention_head_dim=heads,  # diffusers' name for the number of heads
        norm_num_groups=groups,
        addition_embed_type="text" if pooled else None,
        addition_embed_type_num_heads=heads,
    )


def scheduler_of() -> Any:
    """DPM-Solver++ of order 2 (Lu et al. 2022, arXiv 2211.01095), starting from noise alone."""
    from diffusers import DPMSolverMultistepScheduler

    return DPMSolverMultistepScheduler(
        num_train_timesteps=TRAIN_STEPS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        solver_order=2,
        steps_offset=1,  # of no effect with trailing steps, but pipelines warn of 0
    )


def premultiplied(images: Tensor) -> Tensor:
    """RGBA (N, 4, H, W), -1 to 1, with colours drawn towards 0 by their transparency: what the autoencoder reads."""
    alpha = (images[:, 3:] + 1) / 2
    return torch.cat([images[:, :3] * alpha, images[:, 3:]], 1)


def moments(autoencoder: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the variance of the latents of RGBA (N, 4, H, W), -1 to 1."""
    distribution = autoencoder.encode(premultiplied(images)).latent_dist
    return distribution.mean, distribution.logvar


def decoded(autoencoder: Any, latents: Tensor) -> Tensor:
    """RGBA (N, 4, H, W), about -1 to 1, of latents."""
    images: Tensor = autoencoder.decode(latents).sample
    return images


@torch.no_grad()
def normalise(autoencoder: Any, mean: Tensor, spread: Tensor) -> None:
    """Fold the shift and scale that bring latents of this `mean` and `spread` (C,) to 0 and 1 into the outer 1 x 1 layers."""
    inner, outer, count = autoencoder.quant_conv, autoencoder.post_quant_conv, len(mean)
    inner.bias[:count] = (inner.bias[:count] - mean) / spread
    inner.weight[:count] /= spread[:, None, None, None]
    inner.bias[count:] -= 2 * spread.log()
    outer.bias += outer.weight[:, :, 0, 0] @ mean
    outer.weight *= spread[None, :, None, None]


def noisy(latents: Tensor, noise: Tensor, times: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Latents (N, C, H, W) at `times` (N,), and the velocity that the network is to say of them; `kept` (T,) is the share of
    the variance that is still the picture's."""
    share = kept.to(latents.device)[times][:, None, None, None]
    signal, other = share.sqrt(), (1 - share).sqrt()
    return signal * latents + other * noise, signal * noise - other * latents


@dataclass(frozen=True)
class Parts:
    """A whole model."""

    autoencoder: Any
    tokenizer: Any
    text_encoder: Any
    denoiser: Any
    scheduler: Any

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Token numbers (N, window), as the pipeline makes them; what does not fit is left out."""
        return tokens_of(self.tokenizer, texts)

    def pipeline(self) -> Any:
        from diffusers import StableDiffusionPipeline

        pipeline = StableDiffusionPipeline(
            vae=self.autoencoder,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.denoiser,
            scheduler=self.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)  # type: ignore[attr-defined]
        return pipeline

    @torch.inference_mode()
    def draw(self, prompts: Sequence[str], seeds: Sequence[int], *, steps: int, guidance: float, batch: int = 32) -> Tensor:
        """RGBA (N, 4, H, W) in [0, 1] on the CPU."""
        pipeline, images = self.pipeline(), []
        for first in range(0, len(prompts), batch):
            output = pipeline(
                prompt=list(prompts[first : first + batch]),
                generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds[first : first + batch]],
                num_inference_steps=steps,
                guidance_scale=guidance,
                output_type="pt",
            )
            images.append(output.images.float().cpu())
        return torch.cat(images)


def tokens_of(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Token numbers (N, window); what does not fit is left out."""
    room = tokenizer.model_max_length
    return tokenizer(list(texts), padding="max_length", max_length=room, truncation=True, return_tensors="pt").input_ids


def save(parts: Parts, folder: Path, dtype: torch.dtype = torch.float16) -> dict[str, Path]:
    """Write a diffusers folder in `dtype` and return its files by their path inside it. The parts stay as they are."""
    import copy

    from diffusers.utils import logging

    from genkit.models.tts.folders import quietly

    level = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # of weights that should stay in float32, it names none
    try:
        halves = Parts(
            **{
                name: copy.deepcopy(one).to("cpu", dtype).to(memory_format=torch.contiguous_format)
                if isinstance(one, nn.Module)
                else one
                for name, one in vars(parts).items()
            }
        )
        with quietly():
            halves.pipeline().save_pretrained(folder)
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
    for path in folder.glob("tokenizer/tokenizer.json"):  # a line for each token is three times the size
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")), separators=(",", ":"), ensure_ascii=False), "utf-8")
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    for path in files.values():
        path.chmod(0o644)  # safetensors makes weights private to the user, which an installed package must not be
    return files


def weigh(parts: Parts) -> Mapping[str, int]:
    """How many numbers each network has."""
    return {name: sum(p.numel() for p in one.parameters()) for name, one in vars(parts).items() if isinstance(one, nn.Module)}
