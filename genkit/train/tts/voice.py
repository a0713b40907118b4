"""What the two halves of a voice's training share: the prepared recordings, the acoustic model as a file, the card's fields."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.data.names import read_names
from genkit.errors import UsageError
from genkit.files import read_toml
from genkit.models.tts import fastspeech2
from genkit.nets.mel import MelScale
from genkit.train.tts.corpus import AlignedUtterance, Corpus, is_corpus, read_corpus, write_corpus

PREPARED = "prepared.npz"


def corpus_of(data: Sequence[Path], holdout: Path | None, scale: MelScale, folder: Path) -> Corpus:
    """The recordings of `data`: prepared before (one such file), or prepared now and kept in the run `folder`.

    Raises:
        UsageError: nothing to train on, or a prepared file of another rate or hop.
    """
    if not data:
        raise UsageError("there is nothing to train on", "--data FOLDER or ZIP with metadata.csv")
    names = None if holdout is None else frozenset(read_names(holdout))
    prepared = prepared_before(data, folder)
    if prepared is not None:
        corpus = read_corpus(prepared)
    else:
        from genkit.train.tts.preparation import prepare

        corpus = prepare(data, scale, holdout=names or frozenset(), report=_report)
        write_corpus(corpus, folder / PREPARED)
    if (corpus.rate_hz, corpus.hop) != (scale.rate_hz, scale.hop):
        raise UsageError(f"prepared at {corpus.rate_hz} Hz, hop {corpus.hop}: data.mel asks for {scale.rate_hz}, {scale.hop}")
    return corpus.divided(names)


def prepared_before(data: Sequence[Path], folder: Path) -> Path | None:
    """The file of recordings prepared before: the one that `data` is, or the run's own, or None."""
    if len(data) == 1 and is_corpus(data[0]):
        return data[0]
    return folder / PREPARED if (folder / PREPARED).is_file() else None


def _report(done: int, of: int, lost: int) -> None:
    if done % 50 == 0 or done == of:
        print(f"prepared {done}/{of}, {lost} do not fit their texts", file=sys.stderr)


@dataclass(frozen=True)
class Units:
    """Mean and spread of pitches (logarithms of hertz) and energies, in which a voice has its own."""

    pitch: tuple[float, float]
    energy: tuple[float, float]

    @classmethod
    def of(cls, utterances: Sequence[AlignedUtterance]) -> Units:
        pitches = np.concatenate([each.pitch[each.pitch > 0] for each in utterances] or [np.zeros(1)])
        energies = np.concatenate([each.energy for each in utterances])
        if not len(pitches):
            pitches = np.zeros(1)
        return cls((float(pitches.mean()), float(pitches.std()) or 1.0), (float(energies.mean()), float(energies.std()) or 1.0))

    def normalised(self, utterance: AlignedUtterance) -> tuple[np.ndarray, np.ndarray]:
        """Pitch and energy (L,) in these units; what is not voiced gets a pitch between its neighbours'."""
        places = np.arange(len(utterance.pitch))
        voiced = utterance.pitch > 0
        line = np.full(len(places), self.pitch[0])
        if voiced.any():
            line = np.interp(places, places[voiced], utterance.pitch[voiced])
        pitch, energy = (line - self.pitch[0]) / self.pitch[1], (utterance.energy - self.energy[0]) / self.energy[1]
        return pitch.astype(np.float32), energy.astype(np.float32)

    def params(self) -> dict[str, Any]:
        return {
            "pitch": list(self.pitch),
            "energy": list(self.energy),
            "pitch_per_semitone": float(np.log(2) / 12 / self.pitch[1]),
        }


def forced(model: Any, ids: Tensor, frames: Tensor, pitch: Tensor, energy: Tensor) -> Tensor:
    """The mel features (1, F, bands) of symbols (1, L) with these lengths, pitches and energies (teacher forcing), no dropout.

    transformers' own forward takes them in training mode alone.
    """
    mask = torch.ones_like(ids)[:, None]
    hidden = model.encoder(ids, mask)[0]
    hidden = hidden + model.pitch_embed(pitch[..., None]) + model.energy_embed(energy[..., None])
    hidden = torch.repeat_interleave(hidden, frames[0], dim=1)
    return model.speech_decoder_postnet(model.decoder(hidden, None)[0])[1]


@torch.inference_mode()
def forced_features(model: nn.Module, utterance: AlignedUtterance, units: Units) -> Tensor:
    """The same for a recording: (bands, F) float32."""
    device = next(model.parameters()).device
    pitch, energy = (torch.from_numpy(row)[None].to(device) for row in units.normalised(utterance))
    ids, frames = (torch.from_numpy(row.astype(np.int64))[None].to(device) for row in (utterance.ids, utterance.frames))
    return forced(model, ids, frames, pitch, energy)[0].T.float()


@dataclass(frozen=True)
class Voice:
    """An acoustic model that was trained before: its card's parameters, its weights' file, the network."""

    params: dict[str, Any]
    path: Path
    model: nn.Module
    units: Units

    @classmethod
    def read(cls, card: str) -> Voice:
        """From the card that `genkit train tts` wrote.

        Raises:
            UsageError: no such card, or weights that do not fit it.
        """
        from genkit.weights import read_state_dict

        try:
            table = read_toml(Path(card))
            params, path = table["params"], Path(card).parent / table["files"]["acoustic"]["path"]
            units = Units(tuple(params["units"]["pitch"]), tuple(params["units"]["energy"]))
            model = fastspeech2.build(**params["acoustic"])
            tensors = {key: tensor.float() for key, tensor in read_state_dict(path).items()}
            missing, unexpected = model.load_state_dict(tensors, strict=False)
            if wrong := [key for key in missing if not key.endswith("num_batches_tracked")] + unexpected:
                raise ValueError(f"{wrong[0]} is missing or unknown")
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise UsageError(f"data.acoustic={card}: not the card of an acoustic model ({error})") from error
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(params, path, model.eval().requires_grad_(False).to(device), units)

    def forced(self, utterance: AlignedUtterance, corpus: Corpus) -> np.ndarray:
        """Features (bands, F) in half precision."""
        if list(corpus.symbols) != self.params["symbols"]:
            raise UsageError("the acoustic model reads other symbols than the prepared recordings have", "prepare them again")
        return forced_features(self.model, utterance, self.units).half().cpu().numpy()


def voice_fields() -> dict[str, Any]:
    """What the card of a voice has besides."""
    vocoder = {
        "type": "choice",
        "choices": ["neural", "griffin-lim"],
        "default": "neural",
        "help": "griffin-lim needs no network, and sounds like through a pipe",
    }
    return {"dtypes": ["float32"], "family": "fastspeech2", "options": {"vocoder": vocoder}}
