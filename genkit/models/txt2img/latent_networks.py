"""The networks of the small latent diffusion that genkit trains, with a folder's weights in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from genkit.models.bounds import bounded_parts, check_network
from genkit.models.checkpoints import fit
from genkit.models.settings import read_settings
from genkit.models.txt2img.autoencoder import Autoencoder
from genkit.models.txt2img.own_folder import PARTS
from genkit.models.txt2img.text_encoder import TextEncoder
from genkit.models.txt2img.unet import Unet
from genkit.weights import read_state_dict

CLASSES: dict[str, type[Any]] = {"text_encoder": TextEncoder, "unet": Unet, "vae": Autoencoder}


def read(folder: Path) -> nn.ModuleDict:
    """The stages of `latent_draw` by name, from a folder that is our own.

    Raises:
        WeightsError: weights that are damaged or not all there.
    """
    networks = {name: _read(folder, name) for name in PARTS}
    whole = networks["vae"]
    return nn.ModuleDict(
        {
            "text": networks["text_encoder"],
            "denoise": networks["unet"],
            "decode": whole.decoding(),
            "encode": whole.encoding(),
        }
    )


def _read(folder: Path, name: str) -> Any:
    settings, path = read_settings(folder / name / "config.json"), folder / name / PARTS[name]
    # files of older versions of transformers name the class in every key
    state = {key.removeprefix("text_model."): value for key, value in read_state_dict(path).items()}
    check_network(settings, len(state), folder / name)
    with bounded_parts(len(state), folder / name):
        network = CLASSES[name](settings)
    fit(network, state, path, CLASSES[name].__name__)
    return network
