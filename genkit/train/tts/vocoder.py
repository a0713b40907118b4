"""Train a vocoder (`models/tts/vocos.py`) on recordings: their mel features back to sound.

The loss is that of the mel features and of short-time spectra; from `discriminator_from` on small ones join it. With `acoustic`
the features are, in a share of the batches, those that an acoustic model makes with the lengths, pitches and energies of the
recording: what the vocoder will read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.models.tts import vocos
from genkit.nets.mel import MelScale
from genkit.train.config import TrainConfig, options_of
from genkit.train.feed import Batch
from genkit.train.job import Figures, Modules, built
from genkit.train.tts.corpus import AlignedUtterance, Corpus
from genkit.train.tts.discriminators import RESOLUTIONS, AdversarialJob, MultiResolutionDiscriminator, spectral_distance
from genkit.train.tts.sheets import picture, write_samples
from genkit.train.tts.voice import Voice, corpus_of, voice_fields

MARGIN = 4  # frames read beyond a segment, so that its first and last features are those of the whole recording


@dataclass(frozen=True)
class VocoderOptions:
    """`segment` is in frames. The loss is `mel_weight` x mel + `spectral_weight` x spectra + adversarial + `match_weight` x
    feature matching; the last two from step `discriminator_from` on (below 0: never). `discriminator_width` is the
    discriminators' channels. `natural` is the share of segments that have their own features where an `acoustic` model's card
    is given. `measured` recordings are measured on."""

    batch: int = 12
    segment: int = 32
    mel_weight: float = 8.0
    spectral_weight: float = 1.0
    match_weight: float = 2.0
    discriminator_from: int = -1
    discriminator_width: int = 16
    acoustic: str = ""
    natural: float = 0.3
    measured: int = 12
    mel: Any = None


class VocoderJob(AdversarialJob):
    averaged = ("vocoder",)
    protocol = (
        "held-out recordings through their own mel features (or, with an acoustic model, through those it makes with the "
        "recording's lengths, pitches and energies): mel is the mean absolute difference of log mel magnitudes (natural "
        "logarithm), spectra that of three short-time spectra with spectral convergence"
    )

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None, *, folder: Path | None = None):
        self.options = chosen = options_of(VocoderOptions, config.data)
        self.scale = MelScale.of(chosen.mel or {})
        self.folder = folder or Path("runs") / config.name
        self.corpus: Corpus = corpus_of(data, holdout, self.scale, self.folder)
        self.sizes = {**config.network, "bands": self.scale.bands, "window": self.scale.window, "hop": self.scale.hop}
        network = built(vocos.build, self.sizes)
        self.modules: Modules = {"vocoder": network}
        self.add_discriminator(MultiResolutionDiscriminator(chosen.discriminator_width), chosen.discriminator_from)
        self.voice = Voice.read(chosen.acoustic) if chosen.acoustic else None
        # spectra mirror half a window at the edges, which a sound must have
        self._least = max(self.scale.window, *(window for window, _ in RESOLUTIONS)) // 2
        if chosen.segment * self.scale.hop <= self._least:
            frames = self._least // self.scale.hop + 1
            raise UsageError(
                f"data.segment = {chosen.segment}: {chosen.segment * self.scale.hop:,} samples are too short for their spectra",
                f"at least --set data.segment={frames}",
            )
        shortest = (chosen.segment + 2 * MARGIN) * self.scale.hop
        self._training = [each for each in self.corpus.training if len(each.audio) > shortest]
        if not self._training:
            raise UsageError(
                f"no recording is longer than a segment of {chosen.segment} frames ({shortest / self.scale.rate_hz:.2f} s)",
                "lower data.segment",
            )
        self._forced: dict[str, np.ndarray] = {}
        if self.voice is not None:
            utterances = (*self._training, *self._measured)
            self._forced = {each.name: self.voice.forced(each, self.corpus) for each in utterances}
        lengths = np.array([len(each.audio) for each in self._training], np.float64)
        self._shares = lengths / lengths.sum()

    @property
    def _measured(self) -> tuple[AlignedUtterance, ...]:
        long = tuple(each for each in self.corpus.held if len(each.audio) >= self._least + self.scale.hop)
        return (long or tuple(self._training))[: self.options.measured]

    def batch(self, rng: np.random.Generator) -> Batch:
        chosen, hop = self.options, self.scale.hop
        sounds, features, is_forced = [], [], []
        wide = chosen.segment + 2 * MARGIN
        for place in rng.choice(len(self._training), chosen.batch, p=self._shares):
            utterance = self._training[place]
            first = int(rng.integers(0, len(utterance.audio) // hop - wide + 1))
            sounds.append(utterance.waveform()[first * hop : (first + wide) * hop])
            is_forced.append(utterance.name in self._forced and rng.random() >= chosen.natural)
            row = np.zeros((self.scale.bands, chosen.segment + 1), np.float32)
            if is_forced[-1]:
                begin = first + MARGIN
                row[:] = self._forced[utterance.name][:, begin : begin + chosen.segment + 1]
            features.append(row)
        return {
            "sounds": torch.from_numpy(np.stack(sounds)),
            "forced": torch.from_numpy(np.stack(features)),
            "is_forced": torch.tensor(is_forced),
        }

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        chosen, hop = self.options, self.scale.hop
        own = self.scale.features(batch["sounds"])[:, :, MARGIN : MARGIN + chosen.segment + 1]
        features = torch.where(batch["is_forced"][:, None, None], batch["forced"], own)
        real = batch["sounds"][:, MARGIN * hop : (MARGIN + chosen.segment) * hop]
        fake = modules["vocoder"](features)
        mel = (self.scale.features(fake) - self.scale.features(real)).abs().mean()
        spectra = spectral_distance(fake, real)
        loss = chosen.mel_weight * mel + chosen.spectral_weight * spectra
        figures = {"mel": float(mel.detach()) * self.scale.scale, "spectra": float(spectra.detach())}
        if self.is_adversarial:
            adversarial, matching = self.adversarial_losses(modules, fake, real)
            loss = loss + adversarial + chosen.match_weight * matching
            figures |= {"adversarial": float(adversarial.detach()), "features": float(matching.detach())}
        self.state.steps += 1
        return loss, figures

    @torch.inference_mode()
    def _rebuilt(self, vocoder: nn.Module, utterance: AlignedUtterance) -> tuple[Tensor, Tensor]:
        """The sound made and the recording's, (1, T) each."""
        device = next(vocoder.parameters()).device
        real = torch.from_numpy(utterance.waveform())[None].to(device)
        forced = self._forced.get(utterance.name)
        features = self.scale.features(real) if forced is None else torch.from_numpy(forced).float()[None].to(device)
        result = vocoder(features)
        return result, real[:, : result.shape[1]]

    def evaluate(self, modules: Modules) -> Figures:
        rows = []
        for utterance in self._measured:
            result, real = self._rebuilt(modules["vocoder"], utterance)
            mel = (self.scale.features(result) - self.scale.features(real)).abs().mean() * self.scale.scale
            rows.append((float(mel), float(spectral_distance(result, real))))
        return dict(zip(("held_mel", "held_spectra"), np.mean(rows, 0).tolist(), strict=True))

    def sheet(self, modules: Modules) -> np.ndarray:
        """Spectrograms of recordings above what is made of them; the sounds are written into the run folder."""
        rows = []
        for utterance in self._measured[:3]:
            result, real = self._rebuilt(modules["vocoder"], utterance)
            write_samples(self.folder, utterance.name, self.scale.rate_hz, recorded=real[0], made=result[0])
            rows += [picture(self.scale, sound[0]) for sound in (real, result)]
        return np.concatenate(rows)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
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
