"""Start from a picture with alpha: the image-to-image pipelines take four channels for latents, so they are given ours."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor


def start_with_alpha(pipeline: Any, pictures: Tensor) -> Tensor:
    """Let the next call of a Stable Diffusion pipeline begin with `pictures` (N, 3 or 4, H, W), opaque where they have no
    alpha; returns what its call is given as `image`, which is read for its size alone."""
    if pictures.shape[1] == 3:
        pictures = torch.cat([pictures, torch.ones_like(pictures[:, :1])], 1)
    pipeline.prepare_latents = partial(_latents, pipeline, pictures)
    return pictures[:, :3]


def _latents(
    pipeline: Any,
    pictures: Tensor,
    image: Any,
    timestep: Any,
    batch_size: int,
    num_images_per_prompt: int,
    dtype: torch.dtype,
    device: torch.device,
    generator: Any = None,
) -> Tensor:
    """In place of the pipeline's method of that name: the pictures' latents with each one's own noise on them."""
    from diffusers.utils.torch_utils import randn_tensor

    vae = pipeline.vae
    clean = vae.encode((pictures * 2 - 1).to(device, vae.dtype)).latent_dist.mode().to(dtype) * vae.config.scaling_factor
    noise = randn_tensor(clean.shape, generator=generator, device=device, dtype=dtype)
    return pipeline.scheduler.add_noise(clean, noise, timestep)
