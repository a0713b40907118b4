"""A loaded network that finds what words name, as `--mask WORDS` calls it: pictures of any size, seen squeezed to a square."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.models.shapes import WordMaskModel
from genkit.models.tts.folders import open_tokenizer
from genkit.nets.planes import bilinear

TOKENIZER = ("vocab.json", "merges.txt")


class WordMask(WordMaskModel):
    """`logits(network, squares, ids)` gives (N, 1, h, w) for normalised squares (N, 3, size, size) and the tokens (1, L) of
    what to find, at most `most` of them with their ends."""

    pixel_bytes = 64  # of the picture: the network's own memory goes by its size alone

    def __init__(
        self,
        network: nn.Module,
        tokenizer: Any,
        logits: Callable[[Any, Tensor, Tensor], Tensor],
        *,
        device: torch.device,
        dtype: torch.dtype,
        size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        most: int,
    ):
        self.network, self.tokenizer, self.logits = network.eval().requires_grad_(False), tokenizer, logits
        self.size, self.mean, self.std, self.most = size, mean, std, most
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        self.network.to(device, dtype)
        self.device, self.dtype = device, dtype
        return self

    def __call__(self, images: np.ndarray, words: str) -> np.ndarray:
        ids = self.tokenizer(words)["input_ids"]
        if len(ids) > self.most:
            raise UsageError(f"--mask {words[:40]}...: {len(ids)} tokens, and the model reads {self.most}", "fewer words")
        height, width = images.shape[-2:]
        mean, std = (np.array(each, np.float32)[:, None, None] for each in (self.mean, self.std))
        seen = torch.from_numpy((bilinear(images, self.size, self.size) - mean) / std).to(self.device, self.dtype)
        with torch.inference_mode():
            logits = self.logits(self.network, seen, torch.tensor([ids], device=self.device)).float().cpu().numpy()
        # of logits: what is between two places of a coarse map then has its edge where they change sign
        return 1 / (1 + np.exp(-bilinear(logits, height, width)))


def read_tokenizer(root: Path) -> Any:
    """CLIP's tokenizer of a folder.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    from transformers import CLIPTokenizer

    return open_tokenizer(CLIPTokenizer, root, TOKENIZER)
