"""Train a vocoder (`models/tts/vocos.py`) on recordings: their mel features back to sound.

The loss is that of the mel features and of short-time spectra; from `adversary_from` on small discriminators join it. With
`acoustic` the features are, in a share of the batches, those that an acoustic model makes when it is told the lengths, pitches
and energies of the recording: what the vocoder will be given.
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
from genkit.models.tts import vocos
from genkit.nets.mel import MelScale
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.tts.corpus import Corpus, Spoken
from genkit.train.tts.discriminators import Contest, SpectralRivals, spectral_distance
from genkit.train.tts.sheets import picture, write_samples
from genkit.train.tts.voice import Ledger, Voice, corpus_of, options_of, voice_fields

MARGIN = 4  # frames read beyond a segment, so that its first and last features are those of the whole recording


@dataclass(frozen=True)
class VocoderOptions:
    """`segment` is in frames. The loss is `mel_weight` x mel + `spectral_weight` x spectra + opinion + `match_weight` x
    features; the last two from step `adversary_from` on (below 0: never). `rival_width` is the discriminators' channels.
    `natural` is the share of segments that have their own features where an `acoustic` model's card is given. `measured`
    recordings are measured on."""

    batch: int = 12
    segment: int = 32
    mel_weight: float = 8.0
    spectral_weight: float = 1.0
    match_weight: float = 2.0
    adversary_from: int = -1
    rival_width: int = 16
    acoustic: str = ""
    natural: float = 0.3
    measured: int = 12
    mel: Any = None


class VocoderJob(Contest):
    """What the loop asks of a task."""

    averaged: tuple[str, ...] = ("vocoder",)
    protocol = (
        "held-out recordings through their own mel features (or, with an acoustic model, through those it makes when told the "
        "recording's lengths, pitches and energies): mel is the mean absolute difference of log mel magnitudes (natural "
        "logarithm), spectra that of three short-time spectra with spectral convergence"
    )

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None, *, folder: Path | None = None):
        self.options = chosen = options_of(VocoderOptions, config)
        self.scale = MelScale.of(chosen.mel or {})
        self.folder = folder or Path("runs") / config.name
        self.corpus: Corpus = corpus_of(data, holdout, self.scale, self.folder)
        self.sizes = {**config.network, "bands": self.scale.bands, "window": self.scale.window, "hop": self.scale.hop}
        try:
            network = vocos.build(**self.sizes)
        except (TypeError, ValueError) as error:
            raise UsageError(f"the network of this configuration cannot be built: {error}") from error
        self.ledger = Ledger()
        self.modules: dict[str, nn.Module] = {"vocoder": network, "ledger": self.ledger}
        self.rivals: tuple[str, ...] = ()
        if chosen.adversary_from >= 0:
            self.modules["rival"] = SpectralRivals(chosen.rival_width)
            self.rivals = ("rival",)
        self.voice = Voice.read(chosen.acoustic) if chosen.acoustic else None
        shortest = (chosen.segment + 2 * MARGIN) * self.scale.hop
        self._training = [one for one in self.corpus.training if len(one.audio) > shortest]
        if not self._training:
            raise UsageError(f"no recording is longer than a segment of {chosen.segment} frames", "data.segment")
        self._made: dict[str, np.ndarray] = {}
        if self.voice is not None:
            self._made = {one.name: self.voice.forced(one, self.corpus) for one in (*self._training, *self._measured)}
        lengths = np.array([len(one.audio) for one in self._training], np.float64)
        self._shares = lengths / lengths.sum()

    @property
    def _measured(self) -> tuple[Spoken, ...]:
        return (self.corpus.held or self.corpus.training)[: self.options.measured]

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        return []

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen, hop = self.options, self.scale.hop
        sounds, given, which = [], [], []
        wide = chosen.segment + 2 * MARGIN
        for place in rng.choice(len(self._training), chosen.batch, p=self._shares):
            one = self._training[place]
            first = int(rng.integers(0, len(one.audio) // hop - wide + 1))
            sounds.append(one.waveform()[first * hop : (first + wide) * hop])
            taken = one.name in self._made and rng.random() >= chosen.natural
            which.append(taken)
            row = np.zeros((self.scale.bands, chosen.segment + 1), np.float32)
            if taken:
                begin = first + MARGIN
                row[:] = self._made[one.name][:, begin : begin + chosen.segment + 1]
            given.append(row)
        return {
            "sounds": torch.from_numpy(np.stack(sounds)),
            "given": torch.from_numpy(np.stack(given)),
            "taken": torch.tensor(which),
        }

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        chosen, hop = self.options, self.scale.hop
        own = self.scale.features(batch["sounds"])[:, :, MARGIN : MARGIN + chosen.segment + 1]
        features = torch.where(batch["taken"][:, None, None], batch["given"], own)
        real = batch["sounds"][:, MARGIN * hop : (MARGIN + chosen.segment) * hop]
        made = modules["vocoder"](features)
        mel = (self.scale.features(made) - self.scale.features(real)).abs().mean()
        spectra = spectral_distance(made, real)
        loss = chosen.mel_weight * mel + chosen.spectral_weight * spectra
        figures = {"mel": float(mel.detach()) * self.scale.scale, "spectra": float(spectra.detach())}
        if self.rivals and int(self.ledger.steps) >= chosen.adversary_from:
            opinion, apart = self.contest(modules, made, real)
            loss = loss + opinion + chosen.match_weight * apart
            figures |= {"opinion": float(opinion.detach()), "features": float(apart.detach())}
        self.ledger.steps += 1
        return loss, figures

    @torch.inference_mode()
    def _rebuilt(self, vocoder: nn.Module, one: Spoken) -> tuple[Tensor, Tensor]:
        """The sound made and the recording's, (1, T) each."""
        device = next(vocoder.parameters()).device
        real = torch.from_numpy(one.waveform())[None].to(device)
        own = self._made.get(one.name)
        features = self.scale.features(real) if own is None else torch.from_numpy(own).float()[None].to(device)
        made = vocoder(features)
        return made, real[:, : made.shape[1]]

    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        found = []
        for one in self._measured:
            made, real = self._rebuilt(modules["vocoder"], one)
            apart = (self.scale.features(made) - self.scale.features(real)).abs().mean() * self.scale.scale
            found.append((float(apart), float(spectral_distance(made, real))))
        mel, spectra = np.mean(found, 0)
        return {"held_mel": float(mel), "held_spectra": float(spectra)}

    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Spectrograms of recordings above what is made of them; the sounds are written into the run folder."""
        rows = []
        for one in self._measured[:3]:
            made, real = self._rebuilt(modules["vocoder"], one)
            write_samples(self.folder, one.name, self.scale.rate_hz, recorded=real[0], made=made[0])
            rows += [picture(self.scale, sound[0]) for sound in (real, made)]
        return np.concatenate(rows)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        state = modules["vocoder"].state_dict()
        if self.voice is None:
            return state, dict(self.sizes)
        return state, {**self.voice.params, "vocoder": dict(self.sizes)}

    def following(self, card: Path) -> str:
        """What comes after it, where it is no voice yet."""
        weights = card.with_suffix(".safetensors")
        return "" if self.voice is not None else f"genkit train tts --part acoustic --set data.vocoder={weights} …"

    def card_fields(self) -> dict[str, Any]:
        """With an acoustic model the result is a whole voice: its file goes with the card."""
        if self.voice is None:
            return {"dtypes": ["float32"], "family": "vocos"}
        return voice_fields() | {"role": "vocoder", "files": {"acoustic": self.voice.path}}
