"""Low-rank adapters (LoRA: Hu et al. 2021, arXiv 2106.09685) on the U-Net of a loaded text-to-image pipeline, through peft.

What is learnt is saved in the layout that diffusers reads back (`load_lora_weights`), so `--lora` takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genkit.errors import UsageError

ADAPTED = ("to_q", "to_k", "to_v", "to_out.0")  # the layers of attention, as the paper has it
PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")


class Adapted:
    """A pipeline with adapters of `rank`: `adapters` holds what is learnt and nothing else, `text`, `latents` and `error` what
    training needs of the rest, which stays as it is."""

    def __init__(self, pipeline: Any, rank: int, layers: Sequence[str] = ADAPTED):
        name = type(pipeline).__name__
        if name not in PIPELINES:
            from genkit import cards

            able = [card.name for card in cards.all_cards("txt2img") if card.params.get("pipeline") in PIPELINES]
            raise UsageError(f"adapters are not trained for a {name}", f"for {' and '.join(PIPELINES)}: {', '.join(able)}")
        from peft import LoraConfig

        self.pipeline, self.unet = pipeline, pipeline.unet
        pipeline.unet.requires_grad_(False)
        pipeline.unet.add_adapter(
            LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(layers))
        )
        learnt = {name: one for name, one in pipeline.unet.named_parameters() if one.requires_grad}
        if not learnt:
            raise UsageError(f"the model has none of the layers {', '.join(layers)}")
        for one in learnt.values():
            one.data = one.data.float()
        # the very parameters of the U-Net, so that the loop saves, averages and restores these alone
        self.adapters = Adapters(learnt)
        kept = pipeline.scheduler.alphas_cumprod.float()
        self.kept, self.kind = kept, str(pipeline.scheduler.config.prediction_type)
        if self.kind not in ("epsilon", "v_prediction"):
            raise UsageError(f"adapters are not trained for networks that say {self.kind}")

    def to(self, device: torch.device) -> None:
        self.pipeline.to(device)

    @torch.no_grad()
    def text(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        """What the text encoders make of prompts, one row each."""
        states = self.pipeline.encode_prompt(
            prompt=list(prompts), device=self.unet.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        condition = {"words": states[0].float().cpu()}
        return condition | {"pooled": states[2].float().cpu()} if type(self.pipeline).__name__ == PIPELINES[1] else condition

    @torch.no_grad()
    def latents(self, images: Tensor) -> Tensor:
        """Latents of RGBA (N, 4, H, W), -1 to 1; before white where the autoencoder makes no transparency."""
        from genkit.models.txt2img.latent_diffusion import premultiplied

        autoencoder = self.pipeline.vae
        if autoencoder.config.in_channels == 4:
            seen = premultiplied(images)
        else:
            alpha = (images[:, 3:] + 1) / 2
            seen = images[:, :3] * alpha + (1 - alpha)
        # a half-precision autoencoder can overflow (SDXL's does): it reads in float32, and is as the pipeline wants it again
        dtype = autoencoder.dtype
        autoencoder.to(torch.float32)
        try:
            latents = autoencoder.encode(seen.to(autoencoder.device)).latent_dist.mean
        finally:
            autoencoder.to(dtype)
        shift = getattr(autoencoder.config, "shift_factor", None) or 0.0
        return ((latents - shift) * autoencoder.config.scaling_factor).float().cpu()

    def error(self, latents: Tensor, noise: Tensor, times: Tensor, text: Mapping[str, Tensor]) -> Tensor:
        """Mean squared error of what the network says of noisy latents (N, C, h, w) at `times` (N,)."""
        from genkit.models.txt2img.latent_diffusion import noisy

        inputs, velocity = noisy(latents, noise, times, self.kept)
        more: dict[str, Any] = {}
        if "pooled" in text:
            side = latents.shape[-1] * self.pipeline.vae_scale_factor
            sizes = torch.tensor([[side, side, 0, 0, side, side]], dtype=torch.float32, device=latents.device)
            more["added_cond_kwargs"] = {
                "text_embeds": text["pooled"].to(self.unet.dtype),
                "time_ids": sizes.repeat(len(latents), 1).to(self.unet.dtype),
            }
        predicted = self.unet(inputs.to(self.unet.dtype), times, text["words"].to(self.unet.dtype), **more).sample
        return (predicted.float() - (noise if self.kind == "epsilon" else velocity)).square().mean()

    def save(self, target: Path) -> None:
        """Write the adapters as one safetensors file, half precision."""
        from peft.utils import get_peft_model_state_dict

        halves = {name: one.detach().half().cpu().contiguous() for name, one in get_peft_model_state_dict(self.unet).items()}
        self.pipeline.save_lora_weights(
            target.parent, unet_lora_layers=halves, weight_name=target.name, safe_serialization=True
        )
        target.chmod(0o644)


class Adapters(nn.Module):
    """Parameters of another network by name; dots are no part of names in a module."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]):
        super().__init__()
        self.held = nn.ParameterList(list(parameters.values()))

    def put(self, others: nn.Module) -> None:
        """Take over the values of a copy."""
        with torch.no_grad():
            for mine, theirs in zip(self.parameters(), others.parameters(), strict=True):
                mine.copy_(theirs)
