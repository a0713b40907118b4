"""The autoencoder between RGBA pictures and latents (Rombach and others 2022, arXiv 2112.10752): what
`latent_diffusion.autoencoder_of` trains, in the key names of diffusers' `AutoencoderKL`.

Pictures (N, 4, H, W), -1 to 1, the colour of what is transparent drawn towards 0, and latents (N, C, h, w); each side is halved
once for each of the channels but the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad, silu

from genkit.models.txt2img.unet import Downsampler, Residual, Upsampler

EPSILON = 1e-6


class Autoencoder(nn.Module):
    """The whole, in whose names checkpoints are; `encoding()` and `decoding()` are what runs."""

    def __init__(self, settings: Mapping[str, Any]):
        super().__init__()
        channels, layers = list(settings["block_out_channels"]), settings["layers_per_block"]
        latents, groups, images = settings["latent_channels"], settings["norm_num_groups"], settings["in_channels"]
        self.encoder = Encoder(images, channels, 2 * latents, layers, groups)
        self.decoder = Decoder(latents, channels[::-1], images, layers + 1, groups)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(2 * latents, 2 * latents, 1), nn.Conv2d(latents, latents, 1)

    def encoding(self) -> nn.Module:
        """Pictures to the means of their latents (N, C, h, w)."""
        return nn.Sequential(self.encoder, self.quant_conv, Means())

    def decoding(self) -> nn.Module:
        """Latents to pictures, about -1 to 1."""
        return nn.Sequential(self.post_quant_conv, self.decoder)


class Means(nn.Module):
    """The first half of the channels; the other half are logarithms of variances."""

    def forward(self, moments: Tensor) -> Tensor:
        return moments.chunk(2, 1)[0]


class Level(nn.Module):
    """The layers of one size, and what leads to the next."""

    def __init__(self, wide: int, width: int, layers: int, groups: int, following: Mapping[str, nn.Module]):
        super().__init__()
        self.resnets = nn.ModuleList(Residual(width if place else wide, width, groups, EPSILON) for place in range(layers))
        for name, module in following.items():
            self.add_module(name, nn.ModuleList([module]))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.resnets:
            x = layer(x)
        if hasattr(self, "downsamplers"):
            x = self.get_submodule("downsamplers.0")(pad(x, (0, 1, 0, 1)))  # to the right and below alone
        return self.get_submodule("upsamplers.0")(x) if hasattr(self, "upsamplers") else x


class Encoder(nn.Module):
    def __init__(self, images: int, channels: Sequence[int], out: int, layers: int, groups: int):
        super().__init__()
        self.conv_in = nn.Conv2d(images, channels[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            Level(before, each, layers, groups, {"downsamplers": Downsampler(each, 0)} if place < len(channels) - 1 else {})
            for place, (before, each) in enumerate(zip([channels[0], *channels], channels, strict=False))
        )
        self.mid_block = Level(channels[-1], channels[-1], 2, groups, {})
        self.conv_norm_out, self.conv_out = (
            nn.GroupNorm(groups, channels[-1], EPSILON),
            nn.Conv2d(channels[-1], out, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv_in(images)
        for block in (*self.down_blocks, self.mid_block):
            x = block(x)
        return self.conv_out(silu(self.conv_norm_out(x)))


class Decoder(nn.Module):
    def __init__(self, latents: int, channels: Sequence[int], images: int, layers: int, groups: int):
        super().__init__()
        self.conv_in = nn.Conv2d(latents, channels[0], 3, padding=1)
        self.mid_block = Level(channels[0], channels[0], 2, groups, {})
        self.up_blocks = nn.ModuleList(
            Level(before, each, layers, groups, {"upsamplers": Upsampler(each)} if place < len(channels) - 1 else {})
            for place, (before, each) in enumerate(zip([channels[0], *channels], channels, strict=False))
        )
        self.conv_norm_out = nn.GroupNorm(groups, channels[-1], EPSILON)
        self.conv_out = nn.Conv2d(channels[-1], images, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(latents))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(silu(self.conv_norm_out(x)))
