"""Train a voice's acoustic model (transformers' FastSpeech2Conformer): symbols to mel features, with their lengths, pitches and
energies.

The loss is the network's own: mean absolute difference of the features before and after the last layers, and mean squared
differences of log lengths, pitches and energies. What that leaves is the mean of what might have been said, without the quick
changes that consonants are known by; so from `adversary_from` on a discriminator of parts of the features joins it (Yang and
others 2021, "GANSpeech", arXiv 2106.15153). Batches are of recordings of about one length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.models.tts import fastspeech2, vocos
from genkit.nets.mel import MelScale
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.tts.corpus import Corpus, Spoken
from genkit.train.tts.discriminators import Contest, MelRival
from genkit.train.tts.sheets import framed, write_samples
from genkit.train.tts.voice import Ledger, Units, corpus_of, forced_features, options_of, voice_fields

IGNORED = -100.0  # what transformers' loss takes for padding
PACED = 128  # recordings by which the pace is found


@dataclass(frozen=True)
class AcousticOptions:
    """`batch` recordings of about one length a step; from step `adversary_from` on (below 0: never) the opinion of a
    discriminator of `rival_width` channels joins, and the loss has `opinion_weight` x opinion + `match_weight` x features;
    `vocoder` is the file of a trained vocoder, which goes with the card and writes samples; `measured` recordings are measured
    on."""

    batch: int = 16
    adversary_from: int = -1
    opinion_weight: float = 0.3
    match_weight: float = 1.0
    rival_width: int = 16
    vocoder: str = ""
    measured: int = 30
    mel: Any = None
    languages: tuple[str, ...] = ("en-US",)


class AcousticJob(Contest):
    """What the loop asks of a task."""

    averaged: tuple[str, ...] = ("acoustic",)
    protocol = (
        "held-out recordings: mel is the mean absolute difference of log mel magnitudes (natural logarithm) where the "
        "recording's lengths, pitches and energies are told, movement how much these change from frame to frame (standard "
        "deviation) in shares of the recordings' own; length_ms the mean absolute difference of a symbol's length, "
        "semitones that of voiced symbols' pitches"
    )

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None, *, folder: Path | None = None):
        self.options = chosen = options_of(AcousticOptions, config)
        self.scale = MelScale.of(chosen.mel or {})
        self.folder = folder or Path("runs") / config.name
        self.corpus: Corpus = corpus_of(data, holdout, self.scale, self.folder)
        self.sizes = {**config.network, "vocab_size": len(self.corpus.symbols), "num_mel_bins": self.scale.bands}
        try:
            model = fastspeech2.build(**self.sizes)
        except Exception as error:  # transformers checks settings with errors of its own
            raise UsageError(f"the network of this configuration cannot be built: {' '.join(str(error).split())}") from error
        self.ledger = Ledger()
        self.modules: dict[str, nn.Module] = {"acoustic": model.train(), "ledger": self.ledger}
        self.rivals: tuple[str, ...] = ()
        if chosen.adversary_from >= 0:
            self.modules["rival"] = MelRival(chosen.rival_width)
            self.rivals = ("rival",)
        self.units = Units.of(self.corpus.training)
        self.vocoder: nn.Module | None = None
        if chosen.vocoder:
            self.vocoder_sizes = _sizes(Path(chosen.vocoder), self.scale)
            self.vocoder = vocos.read(Path(chosen.vocoder), self.vocoder_sizes)
        self._training = sorted(self.corpus.training, key=lambda one: int(one.frames.sum()))
        self._features = [self.scale.features(torch.from_numpy(one.waveform())[None])[0].half() for one in self._training]

    @property
    def _measured(self) -> tuple[Spoken, ...]:
        return (self.corpus.held or self.corpus.training)[: self.options.measured]

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        """The layers of the conformer blocks."""
        named = self.modules["acoustic"].named_parameters()
        return [
            one for name, one in named if one.ndim == 2 and ("encoder." in name or "decoder." in name) and "embed" not in name
        ]

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        count = min(self.options.batch, len(self._training))
        first = int(rng.integers(0, len(self._training) - count + 1 + count // 2)) - count // 4  # so that both ends come up
        first = min(max(first, 0), len(self._training) - count)
        return self._joined(range(first, first + count))

    def _joined(self, places: Sequence[int]) -> dict[str, Tensor]:
        chosen = [self._training[place] for place in places]
        told = [self.units.told(one) for one in chosen]
        symbols, frames = max(len(one.ids) for one in chosen), max(int(one.frames.sum()) for one in chosen)
        count = len(chosen)
        found = {
            "ids": torch.zeros(count, symbols, dtype=torch.long),
            "frames": torch.zeros(count, symbols, dtype=torch.long),
            "pitch": torch.zeros(count, symbols, 1),
            "energy": torch.zeros(count, symbols, 1),
            "mask": torch.zeros(count, symbols, dtype=torch.long),
            "features": torch.full((count, frames, self.scale.bands), IGNORED),
        }
        for row, (place, one, (pitch, energy)) in enumerate(zip(places, chosen, told, strict=True)):
            length, total = len(one.ids), int(one.frames.sum())
            found["ids"][row, :length] = torch.from_numpy(one.ids.astype(np.int64))
            found["frames"][row, :length] = torch.from_numpy(one.frames.astype(np.int64))
            found["pitch"][row, :length, 0] = torch.from_numpy(pitch)
            found["energy"][row, :length, 0] = torch.from_numpy(energy)
            found["mask"][row, :length] = 1
            found["features"][row, :total] = self._features[place].T.float()
        return found

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        made = modules["acoustic"](
            batch["ids"],
            attention_mask=batch["mask"],
            spectrogram_labels=batch["features"],
            duration_labels=batch["frames"],
            pitch_labels=batch["pitch"],
            energy_labels=batch["energy"],
            return_dict=True,
        )
        with torch.no_grad():
            said = batch["features"] != IGNORED
            mel = (made.spectrogram - batch["features"]).abs()[said].mean() * self.scale.scale
            length = (made.duration_outputs - (batch["frames"].float() + 1).log()).square()[batch["mask"].bool()].mean()
        figures = {"loss": float(made.loss.detach()), "mel": float(mel), "length": float(length)}
        loss = made.loss
        if self.rivals and int(self.ledger.steps) >= self.options.adversary_from:
            shortest = int(batch["frames"].sum(1).min())  # parts that are speech in all of them
            parts, theirs = (one[:, :shortest] for one in (made.spectrogram, batch["features"]))
            opinion, apart = self.contest(modules, parts, theirs)
            loss = loss + self.options.opinion_weight * opinion + self.options.match_weight * apart
            figures |= {"opinion": float(opinion.detach()), "features": float(apart.detach())}
        self.ledger.steps += 1
        return loss, figures

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        model, found = modules["acoustic"], []
        device = next(model.parameters()).device
        for one in self._measured:
            real = self.scale.features(torch.from_numpy(one.waveform())[None])[0]
            told = forced_features(model, one, self.units).cpu()
            apart = (told - real).abs().mean() * self.scale.scale
            movement = told.diff(dim=1).std() / real.diff(dim=1).std()
            free = model(torch.from_numpy(one.ids.astype(np.int64))[None].to(device), return_dict=True)
            lengths = (free.duration_outputs[0].cpu().numpy() - one.frames) * (1000 * self.scale.hop / self.scale.rate_hz)
            voiced = one.pitch > 0
            pitches = free.pitch_outputs[0, :, 0].float().cpu().numpy() * self.units.pitch[1] + self.units.pitch[0]
            tones = np.abs(pitches - one.pitch)[voiced].mean() * 12 / np.log(2) if voiced.any() else 0.0
            found.append((float(apart), float(movement), float(np.abs(lengths).mean()), float(tones)))
        return dict(zip(("held_mel", "movement", "length_ms", "semitones"), np.mean(found, 0).tolist(), strict=True))

    @torch.inference_mode()
    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Three held-out recordings: as they are, with everything told, and from the text alone; with a vocoder the
        sounds are written into the run folder."""
        model, rows = modules["acoustic"], []
        device = next(model.parameters()).device
        for one in self._measured[:3]:
            real = torch.from_numpy(one.waveform())
            free = model(torch.from_numpy(one.ids.astype(np.int64))[None].to(device), return_dict=True)
            features = free.spectrogram[0].T.float().cpu()
            told = forced_features(model, one, self.units).cpu()
            rows += [framed(part.numpy()) for part in (self.scale.features(real[None])[0], told, features)]
            if self.vocoder is not None and features.shape[1] > 1:
                said = self.vocoder(features[None])[0]
                write_samples(self.folder, one.name, self.scale.rate_hz, recorded=real, said=said)
        return np.concatenate(rows)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        state = {key: one for key, one in modules["acoustic"].state_dict().items() if not key.endswith("num_batches_tracked")}
        units = self.units.params()
        heard = {int(one) for each in self.corpus.training for one in each.ids}
        params: dict[str, Any] = {
            "acoustic": self.sizes,
            "symbols": list(self.corpus.symbols),
            "mel": self.scale.params(),
            "sample_rate": self.scale.rate_hz,
            "languages": list(self.options.languages),
            "can": ["speed", "pitch", "words", "phonemes"],
            "unheard": [one for place, one in enumerate(self.corpus.symbols) if place and place not in heard],
            "pitch_per_semitone": units.pop("pitch_per_semitone"),
            "units": units,
            "pace": self._pace(modules["acoustic"]),
        }
        return state, params | ({"vocoder": self.vocoder_sizes} if self.vocoder is not None else {})

    @torch.inference_mode()
    def _pace(self, model: nn.Module) -> float:
        """How long what it says is, in shares of the recordings' lengths: lengths that are learnt as logarithms come out too
        short, which the family makes good for. Over up to `PACED` recordings of the training set."""
        device, before = next(model.parameters()).device, model.training
        model.eval()
        said = real = 0.0
        for one in self._training[:: -(-len(self._training) // PACED)]:
            free = model(torch.from_numpy(one.ids.astype(np.int64))[None].to(device), return_dict=True)
            said, real = said + float(free.duration_outputs.sum()), real + float(one.frames.sum())
        model.train(before)
        return round(min(max(said / real, 0.5), 2.0), 3)

    def following(self, card: Path) -> str:
        """What comes after it, where it is no voice yet."""
        return "" if self.vocoder is not None else f"genkit train tts --part vocoder --set data.acoustic={card} …"

    def card_fields(self) -> dict[str, Any]:
        files = {"vocoder": Path(self.options.vocoder)} if self.vocoder is not None else {}
        return voice_fields() | {"role": "acoustic", "files": files}


def _sizes(path: Path, scale: MelScale) -> dict[str, Any]:
    """The sizes of a vocoder's file.

    Raises:
        UsageError: it is no vocoder, or one of other features.
    """
    from genkit.weights import read_state_dict

    found = vocos.recognise(read_state_dict(path))
    if found is None:
        raise UsageError(f"data.vocoder={path}: no vocoder of this kind")
    if (found["bands"], found["window"]) != (scale.bands, scale.window):
        raise UsageError(f"data.vocoder={path}: reads other mel features than data.mel says")
    return found | {"hop": scale.hop}
