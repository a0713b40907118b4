"""What a text-to-image pipeline can be given besides its own parts: adapters (LoRA), another autoencoder, guiding networks.

Each comes from a safetensors file or a folder, or from a card that says `params.part` ("lora", "vae" or "controlnet") and
`params.fits`, the architectures it goes with; a ControlNet's card also says `params.control`, what its pictures are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from genkit import cards, weights
from genkit.cards import Card
from genkit.errors import UsageError, WeightsError
from genkit.files import read_json
from genkit.models.diffusers.loading import load_part
from genkit.models.diffusers.pipelines import Kind, models_with
from genkit.models.diffusers.speed import denoiser_of
from genkit.models.shapes.draw import Fetch
from genkit.runtime import is_out_of_memory

FLAGS = {"lora": "--lora", "vae": "--vae", "controlnet": "--control"}


def architecture_of(pipeline: Any, kind: Kind) -> str:
    """What adapters and guiding networks must have been made for: sd15, sd21, sdxl, flux1, flux2-klein, zimage, qwen-image."""
    if kind.name == "StableDiffusionPipeline":
        return "sd21" if int(pipeline.unet.config.cross_attention_dim) == 1024 else "sd15"
    names = {
        "StableDiffusionXLPipeline": "sdxl",
        "FluxPipeline": "flux1",
        "Flux2KleinPipeline": "flux2-klein",
        "ZImagePipeline": "zimage",
        "QwenImagePipeline": "qwen-image",
    }
    return names[kind.name]


def kept_files(card: Card) -> Mapping[str, Path]:
    """The files of a card that are here already.

    Raises:
        WeightsError: they are not.
    """
    files = weights.local_files(card)
    if files is None:
        raise WeightsError(f"{card.name} is not here", f"genkit models pull {card.name}", code="absent")
    return files


def card_of(name: str, part: str) -> Card:
    """The card of an adapter or other part.

    Raises:
        UsageError: none of that name, or it is the card of something else.
    """
    try:
        card = cards.find(name, "txt2img")
    except UsageError as error:
        if "/" in name or name.endswith(".safetensors"):
            raise UsageError(f"{FLAGS[part]} {name}: no such file", code="missing-input") from None
        raise UsageError(f"{FLAGS[part]} {name}: {error.message}", error.hint, code=error.code) from None
    stated = card.params.get("part")
    if stated != part:
        what = f"goes with {FLAGS[stated]}" if stated in FLAGS else "is a whole model, for --model"
        raise UsageError(f"{FLAGS[part]} {name}: {card.name} {what}", f"have the name of a {part}, or a file")
    return card


def card_for_control(kind: str, architecture: str, model: str) -> Card:
    """The guiding network for one kind of picture (canny, depth, lines) and this architecture, or the one of that name.

    Raises:
        UsageError: there is none, with the kinds that there are.
    """
    guiding = [card for card in cards.all_cards("txt2img") if card.params.get("part") == "controlnet"]
    named = [card for card in guiding if kind in (card.name, *card.aliases)]
    fitting = [card for card in named or guiding if architecture in card.params.get("fits", ())]
    right = [card for card in fitting if named or card.params.get("control") == kind]
    if right:
        return right[0]
    if named:
        raise UsageError(f"--control {kind} goes with {', '.join(named[0].params.get('fits', ()))}, not with {model}")
    kinds = sorted({str(card.params.get("control")) for card in fitting})
    others = sorted({one for card in guiding if card.params.get("control") == kind for one in card.params.get("fits", ())})
    hint = f"{model} takes {', '.join(kinds)}" if kinds else "models that take it are " + (", ".join(others) or "none")
    raise UsageError(f"--control {kind}: there is no network for it that goes with {model}", hint, code="model-option")


def kinds_of_control(architecture: str) -> tuple[str, ...]:
    """The kinds of guiding pictures for which there is a card."""
    guiding = [card for card in cards.all_cards("txt2img") if card.params.get("part") == "controlnet"]
    return tuple(sorted({str(card.params["control"]) for card in guiding if architecture in card.params.get("fits", ())}))


def files_of(source: str | Path, part: str, architecture: str, model: str, fetch: Fetch) -> Path:
    """The file or folder of a part, given by path or by card.

    Raises:
        UsageError: neither, or it does not go with the model.
        WeightsError: not safetensors.
    """
    path = Path(source)
    if not path.exists():
        card = card_of(str(source), part)
        if architecture not in card.params.get("fits", ()):
            fits = ", ".join(card.params.get("fits", ())) or "nothing that is known"
            raise UsageError(f"{FLAGS[part]} {source} goes with {fits}, not with {model}", code="model-option")
        files = fetch(card)
        return files.get("weights") or files["root"]
    if path.is_file() and path.suffix != ".safetensors":
        raise WeightsError(f"{path}: {FLAGS[part]} takes safetensors; pickles are not opened", "have it as .safetensors")
    return path


def add_loras(pipeline: Any, adapters: Sequence[tuple[Path, float]], model: str) -> None:
    """Load adapters and let all act at once, each at its weight.

    Raises:
        UsageError: the pipeline takes none.
        WeightsError: damaged, or made for another model.
    """
    if not hasattr(pipeline, "load_lora_weights"):
        raise UsageError(f"--lora: {model} takes no adapters", models_with("lora"))
    names: list[str] = []
    for number, (path, _) in enumerate(adapters):
        folder, file = _adapter_file(path)
        name = f"lora{number}"
        before = _adapters(pipeline)
        try:
            pipeline.load_lora_weights(
                str(folder), weight_name=file, adapter_name=name, local_files_only=True, use_safetensors=True
            )
        except Exception as error:
            # foreign names and shapes fail in any way inside peft and diffusers
            if is_out_of_memory(error):
                raise
            reason = " ".join(str(error).split())[:160]
            raise WeightsError(f"{folder / file} does not fit {model} ({reason})", "take one made for this model") from error
        if _adapters(pipeline) == before:
            raise WeightsError(f"{folder / file} changes nothing in {model}", "take one made for this model", code="lora")
        names.append(name)
    pipeline.set_adapters(names, [weight for _, weight in adapters])


def _adapters(pipeline: Any) -> int:
    """How many adapted layers there are."""
    parts = [one for one in pipeline.components.values() if isinstance(one, torch.nn.Module)]
    layers: list[Any] = [layer for part in parts for layer in part.modules() if hasattr(layer, "lora_A")]
    return sum(len(layer.lora_A) for layer in layers)


def _adapter_file(path: Path) -> tuple[Path, str]:
    if path.is_file():
        return path.parent, path.name
    candidates = sorted(path.glob("*.safetensors"))
    preferred = [one for one in candidates if one.name in ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")]
    chosen = preferred or candidates
    if len(chosen) != 1:
        what = "no safetensors file" if not chosen else f"several: {', '.join(one.name for one in chosen[:4])}"
        raise WeightsError(f"--lora {path} holds {what}", "name the file itself")
    return path, chosen[0].name


def set_vae(pipeline: Any, path: Path, dtype: torch.dtype, model: str) -> None:
    """Decode with another autoencoder, from its folder, a pipeline's folder, or one safetensors file.

    Raises:
        WeightsError: damaged, or its latents are not those of the model.
    """
    before = pipeline.vae
    if path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            before.save_config(folder)
            try:
                vae = type(before).from_single_file(str(path), config=folder, torch_dtype=dtype, local_files_only=True)
            except Exception as error:  # as above
                if is_out_of_memory(error):
                    raise
                raise WeightsError(f"{path} does not fit {model} ({' '.join(str(error).split())[:160]})", code="vae") from error
        if lost := [name for name, value in vae.named_parameters() if value.is_meta]:
            raise WeightsError(f"{path} lacks {lost[0]}", f"it is no autoencoder of {model}", code="vae")
    else:
        folder_of_part = path / "vae" if (path / "vae").is_dir() else path
        vae = load_part(folder_of_part, _class_name(folder_of_part, type(before).__name__), dtype)
    old, new = (_latents(one) for one in (before, vae))
    if type(vae) is not type(before) or old != new:
        raise WeightsError(
            f"--vae {path}: {new} channels of {type(vae).__name__}; {model} has {old} of {type(before).__name__}"
        )
    pipeline.register_modules(vae=vae.eval().requires_grad_(False))


def _latents(vae: Any) -> Any:
    return getattr(vae.config, "latent_channels", None) or getattr(vae.config, "z_dim", None)


def load_control(path: Path, kind: Kind, pipeline: Any, dtype: torch.dtype, model: str, variant: str | None = None) -> Any:
    """A guiding network from its folder.

    Raises:
        UsageError: the pipeline takes none.
        WeightsError: damaged, or made for another network.
    """
    if kind.network is None:
        raise UsageError(f"--control: {model} takes no guiding picture", models_with("control"))
    if not path.is_dir():
        raise WeightsError(f"--control: {path} is one file", "a ControlNet is a folder with config.json beside its weights")
    network = load_part(path, kind.network, dtype, variant)
    denoiser = denoiser_of(pipeline)
    if kind.network == "ControlNetModel":
        ways = 1 + sum(len(block.resnets) + len(block.downsamplers or ()) for block in denoiser.down_blocks)
        fits = network.config.cross_attention_dim == denoiser.config.cross_attention_dim
        fits = fits and len(network.controlnet_down_blocks) == ways
    else:
        fits = network.config.joint_attention_dim == denoiser.config.joint_attention_dim
    if not fits:
        raise WeightsError(f"{path} was made for another network than that of {model}", "--control with one made for it")
    return network


def _class_name(folder: Path, usual: str) -> str:
    try:
        return str(read_json(folder / "config.json").get("_class_name", usual))
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{folder} has no config.json that can be read", "a diffusers folder has one") from error
