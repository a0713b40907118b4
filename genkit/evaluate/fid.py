"""FID, the Fréchet distance by features of Inception-v3 (Heusel et al. 2017, arXiv 1706.08500), by the measuring card
`inception-fid`, where it is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from genkit.evaluate.instruments import absent, instrument

CARD = "inception-fid"
BATCH = 16
WORDS = (
    "FID: the Fréchet distance by features of Inception-v3 (2015-12-05) of whole pictures, brought to 299 pixels as "
    "pytorch-fid does; it falls with the number of pictures, and is to be compared with that of as many alone"
)


def inception(notify: Callable[[str], None]) -> Callable[[np.ndarray, Any], np.ndarray] | None:
    """Pictures (N, H, W, 3), uint8, and a device to features (N, 2048), or None, told by `notify`, where the network is not
    here."""
    network = instrument(CARD)
    if network is None:
        notify(absent(CARD, "FID"))
        return None

    def features(pixels: np.ndarray, device: Any = "cpu") -> np.ndarray:
        network.to(device)
        found = []
        with torch.inference_mode():
            for first in range(0, len(pixels), BATCH):
                images = torch.from_numpy(np.ascontiguousarray(pixels[first : first + BATCH])).to(device)
                found.append(network(images.permute(0, 3, 1, 2).float() / 255).cpu().numpy())
        network.to("cpu")
        return np.concatenate(found)

    return features
