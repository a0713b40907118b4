"""What a picture looks like while it is drawn, without decoding it: a linear map from latents to colours.

The map is fitted by least squares when it is first wanted, on colour fields that the model's own autoencoder encodes, so that
it serves every autoencoder. The noise that is still in the latents is taken out by going on along the last step's line to where
there is none, which is exact for Euler steps and close for others.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

CELLS = 24  # latent pixels on a side of the picture that the map is fitted on
FINE = 2  # pixels of a preview on a side, for each pixel of a latent


class Preview:
    """`preview(latents, step)` after each step of one call, in order; pictures (N, C, h, w) float32 [0, 1] on the CPU."""

    def __init__(self, pipeline: Any, vae: Any, multiple: int):
        self.pipeline, self.multiple = pipeline, multiple
        self._vae = vae
        self._map: tuple[Tensor, Tensor, int] | None = None
        self._last: tuple[Tensor, float] | None = None

    def begin(self) -> None:
        """Forget the steps of the call before."""
        self._last = None

    def __call__(self, latents: Tensor, step: int, height: int, width: int) -> Tensor:
        grid = self._grid(latents, height, width).detach().float().cpu()
        clean = self._without_noise(grid, step)
        if self._map is None:
            self._map = self._fit(packed=latents.ndim == 3)
        weights, bias, fine = self._map
        colours = torch.einsum("nchw,dc->ndhw", clean, weights) + bias[None, :, None, None]
        return pixel_shuffle(colours, fine).clamp(0, 1)

    def _grid(self, latents: Tensor, height: int, width: int) -> Tensor:
        """(N, C, h, w) of latents as the pipeline steps on them: rows of tokens, a film of one picture, or that already."""
        if latents.ndim == 3:
            return latents.transpose(1, 2).unflatten(-1, (height // self.multiple, width // self.multiple))
        return latents[:, :, 0] if latents.ndim == 5 else latents

    def _without_noise(self, grid: Tensor, step: int) -> Tensor:
        scheduler = self.pipeline.scheduler
        flow = "FlowMatch" in type(scheduler).__name__
        sigma = self._sigma(step + 1)
        varies = not flow and float(getattr(scheduler, "init_noise_sigma", 1.0)) == 1.0
        x = grid * (1 + sigma**2) ** 0.5 if varies else grid  # to where noise is simply added
        before, self._last = self._last, (x, sigma)
        if sigma == 0:
            return x
        if before is not None and before[1] > sigma:
            rise = (before[0] - x) / (before[1] - sigma)
            return x - sigma * rise
        return x if flow else x / (1 + sigma**2) ** 0.5

    def _sigma(self, index: int) -> float:
        """How much noise is in the latents before step `index`."""
        scheduler = self.pipeline.scheduler
        sigmas = getattr(scheduler, "sigmas", None)
        steps = len(scheduler.timesteps)
        if sigmas is not None and len(sigmas) in (steps, steps + 1):
            start = max(0, int(getattr(scheduler, "begin_index", None) or 0))
            place = start + index
            return float(sigmas[place]) if place < len(sigmas) else 0.0
        # in image to image a pipeline takes the last ones of the scheduler's steps
        place = steps - int(self.pipeline.num_timesteps) + index
        if place >= steps:
            return 0.0
        kept = max(float(scheduler.alphas_cumprod[int(scheduler.timesteps[place])]), 1e-8)  # 0 where all is noise
        return ((1 - kept) / kept) ** 0.5

    @torch.no_grad()
    def _fit(self, packed: bool) -> tuple[Tensor, Tensor, int]:
        from accelerate.hooks import remove_hook_from_module

        vae = self._vae
        if not any(one.is_meta for one in vae.parameters()):  # else its layers wait elsewhere and come by its hooks
            vae = remove_hook_from_module(copy.deepcopy(vae), recurse=True).to("cpu", torch.float32)
        patch = 2 if packed else 1
        side = CELLS * self.multiple // (1 if packed else self.multiple // _reduction(self.pipeline))
        fields = colour_fields(side, channels=int(getattr(vae.config, "in_channels", 3)))
        first = next(vae.parameters())
        wide = torch.float32 if first.is_meta else first.dtype
        inputs = (fields * 2 - 1).to(device=None if first.is_meta else first.device, dtype=wide)
        latents = _encoded(vae, inputs, packed).float().cpu()
        fine = FINE * patch
        wanted = interpolate(fields, scale_factor=latents.shape[-1] * fine / side, mode="area")
        targets = pixel_unshuffle(wanted, fine).flatten(2).transpose(1, 2).flatten(0, 1)
        samples = latents.flatten(2).transpose(1, 2).flatten(0, 1)
        samples = torch.cat([samples, torch.ones(len(samples), 1)], 1)
        # a little ridge: as many channels as there may be, flat fields do not tell them all apart
        gram = samples.T @ samples + 1e-3 * len(samples) * torch.eye(samples.shape[1])
        solution = torch.linalg.solve(gram, samples.T @ targets)
        return solution[:-1].T.contiguous(), solution[-1], fine


def colour_fields(side: int, channels: int = 3, count: int = 4) -> Tensor:
    """Pictures (count, channels, side, side) in [0, 1] of soft random colours, coarse and fine; always the same ones."""
    source = torch.Generator("cpu").manual_seed(0)
    picture = torch.zeros(count, channels, side, side)
    for cells, share in ((3, 0.5), (8, 0.3), (24, 0.2)):
        colours = torch.rand(count, channels, cells, cells, generator=source)
        picture += share * interpolate(colours, (side, side), mode="bicubic", align_corners=False)
    return ((picture - 0.5) * 1.6 + 0.5).clamp(0, 1)


def _reduction(pipeline: Any) -> int:
    return int(pipeline.vae_scale_factor)


def _encoded(vae: Any, pictures: Tensor, packed: bool) -> Tensor:
    """Latents (N, C, h, w) as denoisers see them, tokens of 2 x 2 where `packed`."""
    film = hasattr(vae.config, "temperal_downsample")
    latents = vae.encode(pictures[:, :, None] if film else pictures).latent_dist.mode()
    latents = latents[:, :, 0] if film else latents
    if hasattr(vae, "bn"):
        latents = pixel_unshuffle(latents, 2)
        spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
        return (latents - vae.bn.running_mean.view(1, -1, 1, 1)) / spread
    scale = float(getattr(vae.config, "scaling_factor", None) or 1.0)
    mean, deviation = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    if mean is not None and deviation is not None:
        centre, width = (latents.new_tensor(one).view(1, -1, 1, 1) for one in (mean, deviation))
        latents = (latents - centre) / width * scale
    else:
        latents = (latents - float(getattr(vae.config, "shift_factor", None) or 0.0)) * scale
    return pixel_unshuffle(latents, 2) if packed else latents
