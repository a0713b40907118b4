"""SAM 3 (Carion and others 2025, "SAM 3: Segment Anything with Concepts", arXiv 2511.16719) through transformers' `Sam3Model`:
all that a short phrase names in a picture.

Of its answers the map of the whole concept is taken, not the masks of single things: `--mask` wants all of them. A repository
holds the detector of pictures and a tracker of films in one file; the detector's tensors are taken, and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genkit.models.mask.finding import WordMask, read_tokenizer
from genkit.models.settings import read_settings
from genkit.models.tts.folders import build_strictly, read_weights, root_of

if TYPE_CHECKING:
    from genkit.cards import Card

DETECTOR, TRACKER = "detector_model.", ("tracker_model.", "tracker_neck.")
TOKENS = 32  # of a phrase, which it was always shown filled up to
HALF = (0.5, 0.5, 0.5)
DTYPES = ("float32", "bfloat16")


def build(**params: Any) -> Any:
    """Random weights in any size; `params` are those of transformers' Sam3Config."""
    from transformers import Sam3Config, Sam3Model

    return Sam3Model(Sam3Config(**params)).eval()


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: the words that it knows are in its tokenizer, which weights alone do not hold."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> WordMask:
    """Load a repository of the transformers layout, of the detector alone or with the tracker.

    Raises:
        WeightsError: files that are not a SAM 3.
    """
    from transformers import Sam3Model

    root = root_of(files, card.name)
    settings, state = read_settings(root / "config.json"), read_weights(root)
    if isinstance(settings.get("detector_config"), dict):
        settings = settings["detector_config"]
        state = {key.removeprefix(DETECTOR): value for key, value in state.items() if not key.startswith(TRACKER)}
    network = build_strictly(Sam3Model, settings, state, root, device, dtype)
    return WordMask(
        network,
        (tokenizer := read_tokenizer(root)),
        lambda network, squares, ids: _logits(network, squares, ids, tokenizer.pad_token_id),
        device=device,
        dtype=dtype,
        size=int(network.config.image_size),
        mean=HALF,
        std=HALF,
        most=TOKENS,
    )


def _logits(network: Any, squares: Tensor, ids: Tensor, pad: int) -> Tensor:
    filled = torch.full((len(squares), TOKENS), pad, device=ids.device)
    filled[:, : ids.shape[1]] = ids
    mask = (torch.arange(TOKENS, device=ids.device) < ids.shape[1]).long().expand(len(squares), -1)
    found: Tensor = network(pixel_values=squares, input_ids=filled, attention_mask=mask).semantic_seg
    return found
