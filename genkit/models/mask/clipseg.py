"""CLIPSeg (Lüddecke and Ecker 2022, "Image Segmentation Using Text and Image Prompts", arXiv 2112.10003) through transformers'
`CLIPSegForImageSegmentation`: CLIP, and a small decoder that is told by its text what to find.

Pictures are seen at 352 pixels, and found things have soft edges of about 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genkit.models.cutout.masking import IMAGENET_MEAN, IMAGENET_STD
from genkit.models.mask.finding import WordMask, read_tokenizer
from genkit.models.tts.folders import open_model, root_of

if TYPE_CHECKING:
    from genkit.cards import Card

SIZE = 352
DTYPES = ("float32",)


def build(**params: Any) -> Any:
    """Random weights in any size; `params` are those of transformers' CLIPSegConfig."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    return CLIPSegForImageSegmentation(CLIPSegConfig(**params)).eval()


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: the words that it knows are in its tokenizer, which weights alone do not hold."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> WordMask:
    """Load a repository of the transformers layout.

    Raises:
        WeightsError: files that are not a CLIPSeg.
    """
    from transformers import CLIPSegForImageSegmentation

    root = root_of(files, card.name)
    network = open_model(CLIPSegForImageSegmentation, root, device, dtype)
    return WordMask(
        network,
        read_tokenizer(root),
        _logits,
        device=device,
        dtype=dtype,
        size=int(card.params.get("size", SIZE)),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        most=network.config.text_config.max_position_embeddings,
    )


def _logits(network: Any, squares: Tensor, ids: Tensor) -> Tensor:
    ids = ids.expand(len(squares), -1)
    found = network(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=squares).logits
    return found.reshape(len(squares), 1, *found.shape[-2:])
