"""The pipelines of diffusers that genkit drives, and how their calls name what our options name.

A pipeline class runs only if it is in `KINDS`: a card or a folder cannot name any other. What a further verb needs is a row
here and an adapter for its shape; opening, placing, seeds and options are the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genkit.errors import UsageError

STEPS, GUIDANCE, DENOISE = "steps", "guidance", "denoise"
PROMPT, NEGATIVE, SAFETY = "prompt", "negative", "safety"
IMAGE_GUIDANCE = "image_guidance"
TILED_ABOVE = 1536 * 1536  # pixels; an autoencoder decodes more in overlapping tiles, for whole it takes many gigabytes
SMALLEST = 8  # latent pixels on a side: fewer do not survive the halvings inside the networks

# Option of a card: parameter of the pipeline's call. `safety` is no parameter: it takes the checker out (see running.py).
DIFFUSION = {PROMPT: "prompt", STEPS: "num_inference_steps", DENOISE: "strength"}
GUIDED = {**DIFFUSION, NEGATIVE: "negative_prompt", GUIDANCE: "guidance_scale"}


def models_with(*abilities: str, verb: str = "txt2img") -> str:
    """The way out where a model lacks what is asked of it: those that have it, by the words of `cards/abilities.py`."""
    from genkit import cards

    return f"models with it: {', '.join(cards.able(verb, *abilities))}"


@dataclass(frozen=True)
class Kind:
    """One pipeline class.

    `shape` is the adapter's; `folders` are the classes that a folder's model_index.json may name, for the published
    repositories name the plain text-to-image class; `patch` is how many latent pixels are one token on a side; guidance of
    `unguided` or less never looks at the negative prompt; `fixed` is passed always; `window` is the text encoder's room in
    tokens (None: what the tokenizer says); `chat` says that the prompt is put into a chat template; `sized` that the call
    takes height and width; `most_pixels` is where the pipeline itself would make a picture smaller; `area` is what it brings
    every picture to; a `single` one edits one picture in a call; a `bare` one takes that picture itself, no list of views, and
    tells of no steps.

    Of those that draw: `clip` is how many CLIP text encoders the denoiser looks at (then prompts may be long and weighted, see
    prompts.py), `lengths` names the call's argument for the window, `template` that the pipeline has a text of its own around
    prompts. `image`, `control` and `control_image` are the classes that start from a picture, are guided by one, or both, and
    `network` is the class of the networks that guide. `guides` names the call's argument for the guiding picture.
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
    sized: bool = True
    most_pixels: int | None = None
    area: int | None = None
    single: bool = False
    bare: bool = False
    clip: int = 0
    lengths: str | None = None
    template: bool = False
    image: str | None = None
    control: str | None = None
    control_image: str | None = None
    network: str | None = None
    guides: str = "control_image"

    def refuse_unheard(self, negative: Any, guidance: float | None, model: str) -> None:
        """Refuse a negative prompt that the pipeline would not look at.

        Raises:
            UsageError: guidance is too low for it.
        """
        if negative and guidance is not None and guidance <= self.unguided:
            raise UsageError(
                f"{model} does not look at the negative prompt when guidance is {guidance:g}",
                f"--guidance above {self.unguided:g}, or leave --negative out",
                code="negative-unheard",
            )


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
            sized=False,
            most_pixels=1024 * 1024,
        ),
        Kind(
            "StableDiffusionInstructPix2PixPipeline",
            "edit",
            ("StableDiffusionInstructPix2PixPipeline",),
            {
                PROMPT: "prompt",
                NEGATIVE: "negative_prompt",
                STEPS: "num_inference_steps",
                GUIDANCE: "guidance_scale",
                IMAGE_GUIDANCE: "image_guidance_scale",
                SAFETY: "",
            },
            sized=False,
        ),
        # Guidance: as for inpainting with these weights.
        Kind(
            "Flux2KleinPipeline",
            "edit",
            ("Flux2KleinPipeline",),
            {PROMPT: "prompt", STEPS: "num_inference_steps"},
            patch=2,
            fixed={"guidance_scale": 1.0},
            window=512,
            chat=True,
            most_pixels=1024 * 1024,
            single=True,
        ),
        # Guidance by two passes, which the pipeline makes only where a negative prompt, be it empty, is given.
        Kind(
            "QwenImageEditPlusPipeline",
            "edit",
            ("QwenImageEditPlusPipeline",),
            {
                PROMPT: "prompt",
                NEGATIVE: "negative_prompt",
                STEPS: "num_inference_steps",
                GUIDANCE: "true_cfg_scale",
            },
            patch=2,
            window=1024,
            chat=True,
            area=1024 * 1024,
            single=True,
        ),
        Kind(
            "LongCatImageEditPipeline",
            "edit",
            ("LongCatImageEditPipeline",),
            {
                PROMPT: "prompt",
                NEGATIVE: "negative_prompt",
                STEPS: "num_inference_steps",
                GUIDANCE: "guidance_scale",
            },
            patch=2,
            window=512,
            sized=False,
            area=1024 * 1024,
            single=True,
            bare=True,
        ),
        Kind(
            "StableDiffusionImg2ImgPipeline",
            "edit",
            ("StableDiffusionImg2ImgPipeline", "StableDiffusionPipeline"),
            {**GUIDED, SAFETY: ""},
            sized=False,
        ),
        Kind(
            "StableDiffusionXLImg2ImgPipeline",
            "edit",
            ("StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLPipeline"),
            GUIDED,
            sized=False,
        ),
        Kind(
            "ZImageImg2ImgPipeline",
            "edit",
            ("ZImageImg2ImgPipeline", "ZImagePipeline"),
            GUIDED,
            patch=2,
            unguided=0.0,
            window=512,
            chat=True,
        ),
    )
}

TEXT = {PROMPT: "prompt", STEPS: "num_inference_steps"}

# By the class that a text-to-image repository names; what starts from a picture runs through its siblings, on the same parts.
DRAWING = {
    kind.name: kind
    for kind in (
        Kind(
            "StableDiffusionPipeline",
            "draw",
            ("StableDiffusionPipeline",),
            {**TEXT, NEGATIVE: "negative_prompt", GUIDANCE: "guidance_scale", SAFETY: ""},
            clip=1,
            image="StableDiffusionImg2ImgPipeline",
            control="StableDiffusionControlNetPipeline",
            control_image="StableDiffusionControlNetImg2ImgPipeline",
            network="ControlNetModel",
            guides="image",
        ),
        Kind(
            "StableDiffusionXLPipeline",
            "draw",
            ("StableDiffusionXLPipeline",),
            {**TEXT, NEGATIVE: "negative_prompt", GUIDANCE: "guidance_scale"},
            clip=2,
            image="StableDiffusionXLImg2ImgPipeline",
            control="StableDiffusionXLControlNetPipeline",
            control_image="StableDiffusionXLControlNetImg2ImgPipeline",
            network="ControlNetModel",
            guides="image",
        ),
        # T5 reads the prompt; CLIP makes one summary of it, of its beginning where it is long, as the authors have it.
        Kind(
            "FluxPipeline",
            "draw",
            ("FluxPipeline",),
            {**TEXT, GUIDANCE: "guidance_scale"},
            patch=2,
            window=512,
            lengths="max_sequence_length",
            image="FluxImg2ImgPipeline",
            control="FluxControlNetPipeline",
            control_image="FluxControlNetImg2ImgPipeline",
            network="FluxControlNetModel",
        ),
        Kind(
            "ZImagePipeline",
            "draw",
            ("ZImagePipeline",),
            {**TEXT, NEGATIVE: "negative_prompt", GUIDANCE: "guidance_scale"},
            patch=2,
            unguided=0.0,
            window=512,
            chat=True,
            lengths="max_sequence_length",
            image="ZImageImg2ImgPipeline",
        ),
        # Guidance: as for inpainting with these weights.
        Kind(
            "Flux2KleinPipeline",
            "draw",
            ("Flux2KleinPipeline",),
            {**TEXT, GUIDANCE: "guidance_scale"},
            patch=2,
            fixed={"guidance_scale": 1.0},
            window=512,
            chat=True,
            lengths="max_sequence_length",
        ),
        # Guidance by two passes, which the pipeline makes only where a negative prompt, be it empty, is given.
        Kind(
            "QwenImagePipeline",
            "draw",
            ("QwenImagePipeline",),
            {**TEXT, NEGATIVE: "negative_prompt", GUIDANCE: "true_cfg_scale"},
            patch=2,
            window=1024,
            template=True,
            lengths="max_sequence_length",
            image="QwenImageImg2ImgPipeline",
            control="QwenImageControlNetPipeline",
            network="QwenImageControlNetModel",
        ),
    )
}
