"""Published networks for super-resolution, restoration and inpainting, all that spandrel reads (about 40 architectures).

The architecture and its sizes are found from the keys and shapes of the checkpoint. spandrel knows each network's number
formats and size rules, which are obeyed here. The checkpoint itself is opened by `genkit.weights`, never by a free pickle.

A card with a second file `wdn` is a pair of twins (Real-ESRGAN's general model): their weights are interpolated linearly,
option `denoise` from 0 (all `wdn`) to 1 (all `weights`), after Wang et al. 2019, "Deep network interpolation" (arXiv
1811.10515).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.errors import UsageError, WeightsError
from genkit.models.inpaint.filling import Fill
from genkit.models.upscale.transform import Transform

if TYPE_CHECKING:
    from spandrel import ModelDescriptor

    from genkit.cards import Card

# Architectures that are nothing but stride-1 convolutions at the resolution of the input, so that counting them says how
# far an output pixel looks. Everything else looks at windows, at the whole picture, or too far for a halo to cover.
LOCAL = ("Compact", "DnCNN", "SPAN")
FARTHEST = 64  # a halo beyond this costs more than blending

# Bytes that one input pixel takes at the peak of a float32 pass, at the published sizes for x4; measured by following the
# life of every tensor, and rounded up for what the kernels take besides.
PIXEL_BYTES = {"Compact": 2048, "SPAN": 6144, "OmniSR": 6144, "PLKSR": 6144, "SwinIR": 14336, "DAT": 20480, "HAT": 49152}
PIXEL_BYTES_UNKNOWN = 24576
FLOAT32_ONLY = ("LaMa",)  # no Fourier transform of torch takes bfloat16, although spandrel promises it for this one
FILL_SIZE = 512  # the side of a crop that LaMa is best at: twice what it was trained on, by its authors' own tests


def build(architecture: str, class_name: str | None = None, **params: Any) -> nn.Module:
    """Build a network of spandrel's with random weights, by the name of its architecture (and of its class, where that is
    another); `params` are the constructor's.

    Raises:
        UsageError: spandrel has no such architecture.
    """
    try:
        module = importlib.import_module(f"spandrel.architectures.{architecture}")
    except ImportError as error:
        raise UsageError(f"spandrel has no architecture {architecture!r}") from error
    return getattr(module, class_name or architecture)(**params)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Ask every architecture of spandrel; None if no one takes the checkpoint."""
    from spandrel import ImageModelDescriptor, MaskedImageModelDescriptor

    try:
        descriptor = _describe(dict(state), "checkpoint")
    except WeightsError:
        return None
    if isinstance(descriptor, MaskedImageModelDescriptor):
        return {"architecture": descriptor.architecture.id}
    if not isinstance(descriptor, ImageModelDescriptor):
        return None
    return {"architecture": descriptor.architecture.id, "scale": descriptor.scale}


def allowed_dtypes(state: Mapping[str, Any]) -> tuple[str, ...]:
    """The number formats that the network of a checkpoint runs in, the quickest first, as a card lists them."""
    return _dtypes(_describe(dict(state), "checkpoint"))


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Transform | Fill:
    """Load any checkpoint that spandrel recognises: for inpaint one that fills holes, else one that turns picture into picture.

    Raises:
        WeightsError: unreadable, of no known architecture, or not what the card says.
        UsageError: a network for another verb or for faces, or one that does not run in `dtype`.
    """
    from spandrel import ImageModelDescriptor, MaskedImageModelDescriptor

    from genkit.weights import read_state_dict

    path = files["weights"]
    descriptor = _describe(read_state_dict(path), path.name)
    name = descriptor.architecture.name
    if isinstance(descriptor, MaskedImageModelDescriptor) and "inpaint" in card.tasks:
        return _fill(card, descriptor, device, dtype)
    if "inpaint" in card.tasks:
        raise UsageError(f"{card.name} ({name}) is a network that takes no mask, and fills no holes")
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.purpose == "FaceSR":
        kind = "faces alone" if descriptor.purpose == "FaceSR" else "pictures with a mask"
        raise UsageError(f"{card.name} is a network for {kind} ({name}), which this verb cannot run")
    for param, value in (("architecture", descriptor.architecture.id), ("scale", descriptor.scale)):
        if card.params.get(param, value) != value:
            raise WeightsError(f"{path.name} is not what the card {card.name} says: {param} {value}, not {card.params[param]}")
    if descriptor.input_channels not in (1, 3, 4):
        raise UsageError(f"{card.name} takes {descriptor.input_channels} channels ({name}); pictures have 1, 3 or 4")
    _check_dtype(card, descriptor, dtype)
    _settle(descriptor.model)
    rules = descriptor.size_requirements
    return Transform(
        descriptor.model,
        scale=descriptor.scale,
        device=device,
        dtype=dtype,
        channels=descriptor.input_channels,
        receptive=card.params.get("receptive", _receptive(descriptor)),
        multiple=math.lcm(rules.multiple_of, int(card.limits.get("multiple", 1))),
        minimum=max(rules.minimum, int(card.limits.get("minimum", 1))),
        square=rules.square,
        pixel_bytes=PIXEL_BYTES.get(descriptor.architecture.id, PIXEL_BYTES_UNKNOWN),
        tiles=descriptor.tiling.name == "SUPPORTED",
        **_twins(card, files, descriptor) if "wdn" in files else {"run": _one_by_one(descriptor)},
    )


def _fill(card: Card, descriptor: Any, device: torch.device, dtype: torch.dtype) -> Fill:
    name = descriptor.architecture.id
    if card.params.get("architecture", name) != name:
        raise WeightsError(f"the weights of {card.name} are not what its card says: {name}, not {card.params['architecture']}")
    if descriptor.input_channels != 3:
        raise UsageError(f"{card.name} takes {descriptor.input_channels} channels besides the mask; pictures have 3")
    _check_dtype(card, descriptor, dtype)
    rules = descriptor.size_requirements
    return Fill(
        descriptor.model,
        device=device,
        dtype=dtype,
        size=int(card.limits.get("size", FILL_SIZE)),
        multiple=rules.multiple_of,
        minimum=rules.minimum,
        run=_one_by_one(descriptor),
        pixel_bytes=6144,
    )


def _check_dtype(card: Card, descriptor: ModelDescriptor, dtype: torch.dtype) -> None:
    word = str(dtype).removeprefix("torch.")
    if word not in _dtypes(descriptor):
        raise UsageError(
            f"{card.name} ({descriptor.architecture.name}) does not run in {word}",
            f"--dtype {' or '.join(_dtypes(descriptor))}",
        )


def _describe(state: dict[str, Any], name: str) -> ModelDescriptor:
    from spandrel import MAIN_REGISTRY, UnsupportedModelError

    try:
        return MAIN_REGISTRY.load(state)
    except UnsupportedModelError as error:
        hint = "restrictively licensed networks (CodeFormer, DDColor, SRFormer, ...) are not read"
        raise WeightsError(f"{name} is of no architecture that spandrel knows", hint) from error
    except MemoryError:
        raise
    # forty loaders do arithmetic on whatever keys and shapes they find, and a damaged or foreign checkpoint makes it fail
    # in any way: missing keys, wrong shapes, division by zero, sizes that do not match
    except Exception as error:  # see above
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{name} does not fit the architecture it resembles: {type(error).__name__}: {reason}") from error


def _dtypes(descriptor: ModelDescriptor) -> tuple[str, ...]:
    if descriptor.architecture.id in FLOAT32_ONLY:
        return ("float32",)
    half = ("float16",) if descriptor.supports_half else ()
    return (*half, *(("bfloat16",) if descriptor.supports_bfloat16 else ()), "float32")


def _one_by_one(descriptor: Any) -> Callable[..., Tensor]:
    """spandrel promises its call for one picture (and mask) at a time; some networks append a noise map of that size."""

    def run(network: nn.Module, *batches: Tensor) -> Tensor:
        return torch.cat([descriptor._call_fn(network, *(one[None] for one in each)) for each in zip(*batches, strict=True)])

    return run


def _settle(network: nn.Module) -> None:
    """SPAN merges its training branches into one convolution at every call: once is enough."""
    network.eval()
    for module in network.modules():
        update = getattr(module, "update_params", None)
        if callable(update) and isinstance(getattr(module, "eval_conv", None), nn.Conv2d):
            update()
            vars(module)["update_params"] = _already_merged  # hides the method


def _already_merged() -> None:
    pass


def _receptive(descriptor: ModelDescriptor) -> int | None:
    if descriptor.architecture.id not in LOCAL:
        return None
    reach = 0
    for name, module in descriptor.model.named_modules():
        branch = ".eval_conv" not in name and any(f"{name}.".find(part) >= 0 for part in (".sk.", ".conv."))
        if isinstance(module, nn.Conv2d) and not (descriptor.architecture.id == "SPAN" and branch):
            if module.stride != (1, 1):
                return None
            reach += max(module.dilation[i] * (module.kernel_size[i] - 1) // 2 for i in (0, 1))
    return reach if reach <= FARTHEST else None


def _twins(card: Card, files: Mapping[str, Path], descriptor: Any) -> dict[str, Any]:
    """How twins are run, and their option's default; the weights are changed only when the amount of denoising changes."""
    from genkit.weights import read_state_dict

    path, network, run = files["wdn"], descriptor.model, _one_by_one(descriptor)
    strong = {key: value.clone() for key, value in network.state_dict().items()}
    mild = _describe(read_state_dict(path), path.name).model.state_dict()
    if {key: value.shape for key, value in strong.items()} != {key: value.shape for key, value in mild.items()}:
        raise WeightsError(f"{path.name} and {files['weights'].name} are no twins: their layers differ")
    default = next((option.default for option in card.options if option.name == "denoise"), 0.5)
    current: list[float] = [1.0]

    def denoised(network: nn.Module, images: Tensor, *, denoise: float = default) -> Tensor:
        if not 0 <= denoise <= 1:
            raise UsageError(f"denoise {denoise} is outside 0 to 1")
        if denoise != current[0]:
            network.load_state_dict({key: torch.lerp(mild[key].float(), strong[key].float(), denoise) for key in strong})
            current[0] = denoise
        return run(network, images)

    return {"run": denoised, "defaults": {"denoise": default}}
