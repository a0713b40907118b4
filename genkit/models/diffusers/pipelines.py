"""The pipelines of diffusers that genkit drives, and how their calls name what our options name.

A pipeline class runs only if it is in `KINDS`: a card or a folder cannot name any other. What a further verb needs is a row
here and an adapter for its shape; opening, placing, seeds and options are the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STEPS, GUIDANCE, DENOISE = "steps", "guidance", "denoise"
PROMPT, NEGATIVE, SAFETY = "prompt", "negative", "safety"

# Option of a card: parameter of the pipeline's call. `safety` is no parameter: it takes the checker out (see painting.py).
DIFFUSION = {PROMPT: "prompt", STEPS: "num_inference_steps", DENOISE: "strength"}
GUIDED = {**DIFFUSION, NEGATIVE: "negative_prompt", GUIDANCE: "guidance_scale"}


@dataclass(frozen=True)
class Kind:
    """One pipeline class.

    `shape` is the adapter's; `folders` are the classes that a folder's model_index.json may name, for the published
    repositories name the plain text-to-image class; `patch` is how many latent pixels are one token on a side; guidance of
    `unguided` or less never looks at the negative prompt; `fixed` is passed always; `window` is the text encoder's room in
    tokens (None: what the tokenizer says); `chat` says that the prompt is put into a chat template; `most_pixels` is where
    the pipeline itself would make a picture smaller.
    """

    name: str
    shape: str
    folders: tuple[str, ...]
    arguments: Mapping[str, str]
    patch: int = 1
    unguided: float = 1.0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    window: int | None = None
    chat: bool = False
    most_pixels: int | None = None


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "StableDiffusionInpaintPipeline",
            "fill",
            ("StableDiffusionInpaintPipeline", "StableDiffusionPipeline"),
            {**GUIDED, SAFETY: ""},
        ),
        Kind(
            "StableDiffusionXLInpaintPipeline",
            "fill",
            ("StableDiffusionXLInpaintPipeline", "StableDiffusionXLPipeline"),
            GUIDED,
        ),
        Kind(
            "ZImageInpaintPipeline",
            "fill",
            ("ZImageInpaintPipeline", "ZImagePipeline"),
            GUIDED,
            patch=2,
            unguided=0.0,
            window=512,
            chat=True,
        ),
        # The class would guide at 4 what is not distilled; the published 4B is, and then ignores guidance with a warning.
        Kind(
            "Flux2KleinInpaintPipeline",
            "fill",
            ("Flux2KleinInpaintPipeline", "Flux2KleinPipeline"),
            DIFFUSION,
            patch=2,
            fixed={"guidance_scale": 1.0},
            window=512,
            chat=True,
            most_pixels=1024 * 1024,
        ),
    )
}
