"""A text-to-image pipeline as `genkit txt2img` calls it: prompts and seeds in, pictures out."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from genkit import runtime
from genkit.errors import UsageError
from genkit.models.diffusers import parts, schedulers, speed
from genkit.models.diffusers.img2img import start_with_alpha
from genkit.models.diffusers.offload import most_at_once
from genkit.models.diffusers.pipelines import GUIDANCE, SAFETY, STEPS, models_with
from genkit.models.diffusers.previews import Preview
from genkit.models.diffusers.progress import Steps
from genkit.models.diffusers.prompts import (
    count_tokens,
    encode,
    is_weighted,
    refuse_unreadable,
    text_of,
    window_of,
    windows_of,
)
from genkit.models.diffusers.runner import Runner, resize
from genkit.models.shapes import DrawModel
from genkit.models.shapes.draw import OFFLOADS, Fetch, Prompt
from genkit.nets.mirror import reflect


class Draw(DrawModel):
    """A pipeline of diffusers, and those of its siblings that prompts, pictures and controls ask for, made of the same parts.

    `controls` are the kinds of pictures that guide it (canny, depth, lines) for which there is a card.
    """

    def __init__(self, runner: Runner, *, window: int | None = None):
        self.runner, self.pipeline, self.kind, self.name = runner, runner.pipeline, runner.kind, runner.name
        self.defaults: dict[str, Any] = dict(runner.settings.defaults)
        self.options = tuple(self.defaults)
        self.native_size = (runner.size, runner.size)
        self.multiple, self.minimum = runner.multiple, runner.minimum
        config = self.pipeline.vae.config
        self.channels = int(getattr(config, "out_channels", 3)) if getattr(config, "out_channels", 3) == 4 else 3
        self.window = window_of(self.pipeline, self.kind, window)
        self.chunks = self.weighting = bool(self.kind.clip)
        self.starts = self.kind.image is not None
        self.architecture = parts.architecture_of(self.pipeline, self.kind)
        self.device, self.dtype = runner.device, runner.dtype
        self._networks: dict[str, Any] = {}
        self._siblings: dict[tuple[str, ...], Any] = {(): self.pipeline}
        self._published = self.pipeline.scheduler
        self._preview: Preview | None = None
        self._alone = False

    @property
    def controls(self) -> tuple[str, ...]:
        """The kinds of guiding pictures for which there is a card."""
        return parts.kinds_of_control(self.architecture) if self.kind.control else ()

    def to(self, device: Any, dtype: Any) -> Self:
        """Move all parts, as after a GPU ran out of memory."""
        self.runner.to(device, dtype)
        self.device, self.dtype = self.runner.device, self.runner.dtype
        return self

    # --- what holds for all pictures ----------------------------------------------------------------------------------

    def configure(
        self,
        *,
        scheduler: str | None = None,
        loras: Sequence[tuple[str | Path, float]] = (),
        vae: str | Path | None = None,
        offload: str = "auto",
        attention: str | None = None,
        compile: bool = False,
        cache: str | None = None,
        controls: Sequence[str | Path] = (),
        fetch: Fetch = parts.kept_files,
    ) -> None:
        """Set what holds for all pictures; called once, before the first.

        `loras` and `vae` are files, folders or cards' names; `controls` kinds, cards' names or folders. `fetch` brings the
        files of a card that these name; without it they must be here.

        Raises:
            UsageError: what this pipeline cannot honour (names what it can, or models that can), or an unknown name.
            WeightsError: files that are missing or do not fit the model.
        """
        pipeline, name = self.pipeline, self.name
        if offload not in OFFLOADS:
            raise UsageError(f"--offload {offload}: expected one of {', '.join(OFFLOADS)}")
        if offload in ("model", "sequential") and self.device.type != "cuda":
            raise UsageError(f"--offload {offload}: there is no GPU memory to spare on {self.device}", "--offload auto")
        for what, lacks in (("control", self.kind.control is None), ("lora", not hasattr(pipeline, "load_lora_weights"))):
            if lacks and (controls if what == "control" else loras):
                raise UsageError(f"--{what}: {name} takes none", models_with(what), code="model-option")
        if scheduler is not None:
            self.use_scheduler(scheduler)
        if vae is not None:
            path = parts.files_of(vae, "vae", self.architecture, name, fetch)
            parts.set_vae(pipeline, path, self.dtype, name)
        if loras:
            adapters = [(parts.files_of(one, "lora", self.architecture, name, fetch), weight) for one, weight in loras]
            parts.add_loras(pipeline, adapters, name)
        for control in dict.fromkeys(map(str, controls)):
            if Path(control).is_dir():
                path, variant = Path(control), None
            else:
                card = parts.card_for_control(control, self.architecture, name)
                path, variant = fetch(card)["root"], card.params.get("variant")
            network = parts.load_control(path, self.kind, pipeline, self.dtype, name, variant)
            self._networks[control] = network.to(self.device)
        if attention is not None:
            speed.set_attention(pipeline, attention, name)
        if cache is not None:
            speed.set_cache(pipeline, cache, name)
            self._alone = True  # a cache looks at the whole batch to decide what to reuse: alone, a picture is the same
        if vae is not None or loras or offload != "auto":
            self.runner.replace({"none": "whole", "auto": None}.get(offload, offload))
        if compile:
            speed.compile_denoiser(pipeline)

    def cheaper(self) -> str | None:
        if not self.runner.tiled and hasattr(self.pipeline.vae, "enable_tiling"):
            self.runner.tiled = True
            return "decoding in tiles"
        following = {"whole": "model", "model": "sequential"}.get(self.runner.placement)
        if self.device.type != "cuda" or following is None:
            return None
        self.runner.replace(following)
        runtime.release(self.device)
        return f"--offload {following}"

    def use_scheduler(self, name: str | None) -> None:
        chosen = schedulers.scheduler_like(self._published, name, self.name) if name else self._published
        for pipeline in self._siblings.values():
            pipeline.scheduler = chosen

    def schedulers(self) -> tuple[str, ...]:
        return schedulers.names_for(self.pipeline)

    def count_tokens(self, text: str) -> int:
        return count_tokens(self.pipeline, self.kind, text)

    def batch_limit(self, width: int, height: int) -> int:
        return 1 if self._alone else most_at_once(self.device, self.dtype, width * height)

    # --- pictures -----------------------------------------------------------------------------------------------------

    def __call__(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        *,
        width: int | None = None,
        height: int | None = None,
        negative: Prompt | Sequence[Prompt] | None = None,
        init: np.ndarray | None = None,
        denoise: float | None = None,
        control: Sequence[tuple[str | Path, np.ndarray]] = (),
        control_strength: float | Sequence[float] = 1.0,
        **options: Any,
    ) -> np.ndarray:
        """Draw one picture for each prompt and seed.

        A prompt is a text, or its pieces as (text, weight); `negative` is one for all, or a list of one each.
        `init` (N or 1, 3 or 4, H, W) is the picture to start from with `denoise` (0 to 1, 0.6 unless told) of noise on it;
        without a size, its size is taken. `control` are pictures (N or 1, 3, H, W) by what `configure` was given, each with
        its strength. `options` are the card's: steps, guidance, safety and so on.

        Raises:
            UsageError: options that the model does not have or that do not go together, a prompt that is too long.
            InputError: the safety checker withheld a picture.
        """
        if len(prompts) != len(seeds):
            raise UsageError(f"{len(prompts)} prompts and {len(seeds)} seeds: one of each is one picture")
        if not prompts:
            return np.zeros((0, self.channels, height or self.native_size[1], width or self.native_size[0]), np.float32)
        negatives = self.runner.settings.negatives(negative, len(prompts))
        values = self.runner.settings.drawing(options, init is not None, denoise, negatives)
        strengths = self._strengths(control, control_strength)
        sides = (height, width)
        if init is not None:
            sides = (height or init.shape[-2], width or init.shape[-1])
        wanted = (sides[0] or self.native_size[1], sides[1] or self.native_size[0])
        refuse_unreadable(self.pipeline, self.kind, self.name, prompts, self.window, "the prompt")
        refuse_unreadable(self.pipeline, self.kind, self.name, [one for one in negatives if one], self.window, "--negative")
        pictures = {"init": init} if init is not None else {}
        pictures |= {f"control{place}": image for place, (_, image) in enumerate(control)}
        prepared = {key: self._prepared(image, wanted, len(prompts)) for key, image in pictures.items()}
        self._become(init is not None, [str(name) for name, _ in control])
        groups = self._groups(prompts, negatives)
        steps = Steps(self.progress, self.watch, self.preview, len(prompts), len(groups))
        outputs: dict[int, Tensor] = {}
        for place, group in enumerate(groups):
            some = {key: image[group] for key, image in prepared.items()}
            arguments = self._texts([prompts[one] for one in group], [negatives[one] for one in group], values)
            arguments |= self._pictures(some, values, strengths) | self._numbers(values)
            inner = self._inner(wanted)
            if "height" in _parameters(self.runner.pipeline):
                arguments |= {"height": inner[0], "width": inner[1]}
            report = steps.of(place, group, inner) if self.progress is not None or self.watch is not None else None
            speed.forget_steps(self.runner.pipeline)
            images = self.runner.call(
                [seeds[one] for one in group], arguments, inner[0] * inner[1], values.get(SAFETY) is not False, report
            )
            outputs |= dict(zip(group, self._outer(images, wanted), strict=True))
        return torch.stack([outputs[one] for one in range(len(prompts))]).float().cpu().numpy()

    def _strengths(self, control: Sequence[tuple[str | Path, np.ndarray]], strength: float | Sequence[float]) -> list[float]:
        if unknown := [str(name) for name, _ in control if str(name) not in self._networks]:
            raise UsageError(f"--control {unknown[0]} was not loaded", f"loaded: {', '.join(self._networks) or 'none'}")
        strengths = [float(strength)] * len(control) if isinstance(strength, (int, float)) else [float(one) for one in strength]
        if len(strengths) != len(control):
            raise UsageError(f"{len(strengths)} strengths for {len(control)} guiding pictures", "one for all, or one for each")
        return strengths

    def _groups(self, prompts: Sequence[Prompt], negatives: Sequence[Prompt | None]) -> list[list[int]]:
        """Which pictures go through the pipeline together: those whose texts are as long, so that none is padded by others."""
        if self._alone:
            return [[one] for one in range(len(prompts))]
        groups: dict[int, list[int]] = {}
        for one, (prompt, negative) in enumerate(zip(prompts, negatives, strict=True)):
            length = 0
            if self.kind.clip:
                length = max(windows_of(self.pipeline, text) for text in (prompt, negative or ""))
            elif self.kind.template:
                length = self.count_tokens(text_of(prompt)) * 10_000 + self.count_tokens(text_of(negative or ""))
            groups.setdefault(length, []).append(one)
        return list(groups.values())

    def _texts(self, prompts: list[Prompt], negatives: list[Prompt | None], values: dict[str, Any]) -> dict[str, Any]:
        """Texts as the pipeline reads them itself, or, where they are long or weighted, states that we read."""
        arguments: dict[str, Any] = {}
        if self.kind.lengths:
            arguments[self.kind.lengths] = self.window
        windows = max(windows_of(self.pipeline, one or "") for one in [*prompts, *negatives]) if self.kind.clip else 1
        if windows > 1 or any(is_weighted(one or "") for one in [*prompts, *negatives]):
            read = [encode(self.pipeline, one, windows) for one in prompts]
            against = [encode(self.pipeline, one or "", windows) for one in negatives]
            arguments["prompt_embeds"] = torch.cat([one.states for one in read])
            arguments["negative_prompt_embeds"] = torch.cat([one.states for one in against])
            if self.kind.clip > 1:
                arguments["pooled_prompt_embeds"] = torch.cat([one.pooled for one in read if one.pooled is not None])
                pooled = torch.cat([one.pooled for one in against if one.pooled is not None])
                arguments["negative_pooled_prompt_embeds"] = pooled
                if not any(negatives) and self.pipeline.config.force_zeros_for_empty_prompt:
                    arguments["negative_prompt_embeds"] = torch.zeros_like(arguments["negative_prompt_embeds"])
                    arguments["negative_pooled_prompt_embeds"] = torch.zeros_like(pooled)
            return arguments
        arguments["prompt"] = [text_of(one) for one in prompts]
        twice = self.kind.arguments.get(GUIDANCE) == "true_cfg_scale"
        if any(negatives) or twice:
            arguments["negative_prompt"] = [text_of(one or "") or (" " if twice else "") for one in negatives]
        return arguments

    def _numbers(self, values: dict[str, Any]) -> dict[str, Any]:
        arguments = dict(self.kind.fixed)
        for option, parameter in self.kind.arguments.items():
            if parameter and option in (STEPS, GUIDANCE) and values.get(option) is not None:
                arguments[parameter] = values[option]
        return arguments

    def _pictures(self, prepared: dict[str, Tensor], values: dict[str, Any], strengths: list[float]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        guides = [image for key, image in prepared.items() if key != "init"]
        start = prepared.get("init")
        if start is not None:
            arguments["strength"] = values["strength"]
            arguments["image"] = start_with_alpha(self.runner.pipeline, start) if self.channels == 4 else start[:, :3]
        if guides:
            key = "control_image" if start is not None else self.kind.guides
            arguments[key] = guides if len(guides) > 1 else guides[0]
            arguments["controlnet_conditioning_scale"] = strengths if len(guides) > 1 else strengths[0]
        return arguments

    # --- the pipeline and its siblings --------------------------------------------------------------------------------

    def _become(self, starts: bool, names: list[str]) -> None:
        """Let the runner go on with the pipeline that takes these pictures, made of the same parts."""
        key = ("start", *names) if starts else tuple(names)
        if key not in self._siblings:
            class_name = self.kind.control_image if starts and names else self.kind.control if names else self.kind.image
            if class_name is None:
                raise UsageError(f"{self.name} takes --init or --control, not both", models_with("control_init"))
            import diffusers

            pipeline_class = getattr(diffusers, class_name)
            taken = inspect.signature(pipeline_class.__init__).parameters
            held = {**dict(self.pipeline.config), **self.pipeline.components}
            arguments = {name: held[name] for name in taken if name in held and not name.startswith("_")}
            if names:
                networks = [self._networks[name] for name in names]
                arguments["controlnet"] = networks if len(networks) > 1 else networks[0]
            if "add_watermarker" in taken:
                arguments["add_watermarker"] = False
            if "requires_safety_checker" in taken:
                arguments["requires_safety_checker"] = False
            self._siblings[key] = pipeline_class(**arguments)
            self._siblings[key].set_progress_bar_config(disable=True)
        chosen = self._siblings[key]
        if chosen is not self.runner.pipeline:
            self.runner.become(chosen)

    def preview(self) -> Preview:
        if self._preview is None:
            self._preview = Preview(self.runner.pipeline, self.runner.pipeline.vae, self.multiple)
        self._preview.pipeline = self.runner.pipeline
        return self._preview

    # --- sizes --------------------------------------------------------------------------------------------------------

    def _inner(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """Sides (height, width) to draw at: not below what the networks work at, and multiples."""
        scale = max(1.0, self.minimum / min(wanted))
        height, width = (-(-round(side * scale) // self.multiple) * self.multiple for side in wanted)
        return height, width

    def _outer(self, images: Tensor, wanted: tuple[int, int]) -> Tensor:
        scale = max(1.0, self.minimum / min(wanted))
        height, width = (round(side * scale) for side in wanted)
        return resize(images[..., :height, :width], wanted).clamp(0, 1)

    def _prepared(self, image: np.ndarray, wanted: tuple[int, int], count: int) -> Tensor:
        """A picture for each item at the inner size; prepared on the CPU, nearly the same on every device."""
        scale = max(1.0, self.minimum / min(wanted))
        height, width = (round(side * scale) for side in wanted)
        inner = self._inner(wanted)
        resized = resize(torch.from_numpy(image).clamp(0, 1), (height, width))
        extended = reflect(resized.numpy(), inner[0] - height, inner[1] - width)
        return torch.from_numpy(extended).expand(count, -1, -1, -1)


def _parameters(pipeline: Any) -> set[str]:
    return set(inspect.signature(pipeline.__call__).parameters)
