"""How good speech sounds, as a network predicts people's judgement: Distill-MOS, by the measuring card `distill-mos`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from genkit.evaluate.instruments import absent, instrument

CARD = "distill-mos"
Score = Callable[[np.ndarray], float]  # mono at 16 kHz to 1 (bad) to 5 (excellent)


def distill_mos(notify: Callable[[str], None]) -> Score | None:
    """The measure if it is here; else None, told by `notify`."""
    network = instrument(CARD)
    if network is None:
        notify(absent(CARD, "Distill-MOS"))
        return None

    def score(audio: np.ndarray) -> float:
        with torch.inference_mode():
            return float(network(torch.from_numpy(np.ascontiguousarray(audio, np.float32))[None]))

    return score
