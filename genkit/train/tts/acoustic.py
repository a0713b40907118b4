"""Train a voice's acoustic model (transformers' FastSpeech2Conformer): symbols to mel features, with their lengths, pitches and
energies.

The loss is the network's own: mean absolute difference of the features before and after the last layers, and mean squared
differences of log lengths, pitches and energies. What that leaves is the mean of what might have been said, without the quick
changes that consonants are known by; so from `discriminator_from` on one of parts of the features joins it (Yang and
others 2021, "GANSpeech", arXiv 2106.15153). Batches are of recordings of about one length.
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
from genkit.models.tts import fastspeech2, vocos
from genkit.nets.mel import MelScale
from genkit.train.config import TrainConfig, options_of
from genkit.train.feed import Batch
from genkit.train.job import Figures, Modules, built
from genkit.train.tts.corpus import AlignedUtterance, Corpus
from genkit.train.tts.discriminators import AdversarialJob, MelDiscriminator
from genkit.train.tts.sheets import framed, write_samples
from genkit.train.tts.voice import Units, corpus_of, forced_features, voice_fields

IGNORED = -100.0  # what transformers' loss takes for padding
PACED = 128  # recordings by which the pace is measured


@dataclass(frozen=True)
class AcousticOptions:
    """`batch` recordings of about one length a step; from step `discriminator_from` on (below 0: never) a discriminator of
    `discriminator_width` channels joins, and the loss has `adversarial_weight` x its adversarial term + `match_weight` x
    feature matching; `vocoder` is the file of a trained vocoder, which goes with the card and writes samples; `measured`
    recordings are measured on."""

    batch: int = 16
    discriminator_from: int = -1
    adversarial_weight: float = 0.3
    match_weight: float = 1.0
    discriminator_width: int = 16
    vocoder: str = ""
    measured: int = 30
    mel: Any = None
    languages: tuple[str, ...] = ("en-US",)


class AcousticJob(AdversarialJob):
    averaged = ("acoustic",)
    protocol = (
        "held-out recordings: mel is the mean absolute difference of log mel magnitudes (natural logarithm) with the "
        "recording's lengths, pitches and energies, movement how much these change from frame to frame (standard deviation) in "
        "shares of the recordings' own; length_ms the mean absolute difference of a symbol's length, semitones that of voiced "
        "symbols' pitches"
    )

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None, *, folder: Path | None = None):
        self.options = chosen = options_of(AcousticOptions, config.data)
        self.scale = MelScale.of(chosen.mel or {})
        self.folder = folder or Path("runs") / config.name
        self.corpus: Corpus = corpus_of(data, holdout, self.scale, self.folder)
        self.sizes = {**config.network, "vocab_size": len(self.corpus.symbols), "num_mel_bins": self.scale.bands}
        model = built(fastspeech2.build, self.sizes)
        self.modules: Modules = {"acoustic": model.train()}
        self.add_discriminator(MelDiscriminator(chosen.discriminator_width), chosen.discriminator_from)
        self.units = Units.of(self.corpus.training)
        self.vocoder: nn.Module | None = None
        if chosen.vocoder:
            self.vocoder_sizes = _sizes(Path(chosen.vocoder), self.scale)
            self.vocoder = vocos.read(Path(chosen.vocoder), self.vocoder_sizes)
        self._training = sorted(self.corpus.training, key=lambda each: int(each.frames.sum()))
        self._features = [self.scale.features(torch.from_numpy(each.waveform())[None])[0].half() for each in self._training]

    @property
    def _measured(self) -> tuple[AlignedUtterance, ...]:
        return (self.corpus.held or self.corpus.training)[: self.options.measured]

    def matrices(self) -> list[Tensor]:
        """The layers of the conformer blocks."""
        hidden = {
            name: weight
            for name, weight in self.modules["acoustic"].named_parameters()
            if ("encoder." in name or "decoder." in name) and "embed" not in name
        }
        return [weight for weight in hidden.values() if weight.ndim == 2]

    def batch(self, rng: np.random.Generator) -> Batch:
        count = min(self.options.batch, len(self._training))
        first = int(rng.integers(0, len(self._training) - count + 1 + count // 2)) - count // 4  # so that both ends come up
        first = min(max(first, 0), len(self._training) - count)
        return self._joined(range(first, first + count))

    def _joined(self, places: Sequence[int]) -> Batch:
        chosen = [self._training[place] for place in places]
        symbols, frames = max(len(each.ids) for each in chosen), max(int(each.frames.sum()) for each in chosen)
        count = len(chosen)
        batch = {
            "ids": torch.zeros(count, symbols, dtype=torch.long),
            "frames": torch.zeros(count, symbols, dtype=torch.long),
            "pitch": torch.zeros(count, symbols, 1),
            "energy": torch.zeros(count, symbols, 1),
            "mask": torch.zeros(count, symbols, dtype=torch.long),
            "features": torch.full((count, frames, self.scale.bands), IGNORED),
        }
        for row, (place, each) in enumerate(zip(places, chosen, strict=True)):
            length, total = len(each.ids), int(each.frames.sum())
            pitch, energy = self.units.normalised(each)
            batch["ids"][row, :length] = torch.from_numpy(each.ids.astype(np.int64))
            batch["frames"][row, :length] = torch.from_numpy(each.frames.astype(np.int64))
            batch["pitch"][row, :length, 0] = torch.from_numpy(pitch)
            batch["energy"][row, :length, 0] = torch.from_numpy(energy)
            batch["mask"][row, :length] = 1
            batch["features"][row, :total] = self._features[place].T.float()
        return batch

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        result = modules["acoustic"](
            batch["ids"],
            attention_mask=batch["mask"],
            spectrogram_labels=batch["features"],
            duration_labels=batch["frames"],
            pitch_labels=batch["pitch"],
            energy_labels=batch["energy"],
            return_dict=True,
        )
        with torch.no_grad():
            speech = batch["features"] != IGNORED
            mel = (result.spectrogram - batch["features"]).abs()[speech].mean() * self.scale.scale
            length = (result.duration_outputs - (batch["frames"].float() + 1).log()).square()[batch["mask"].bool()].mean()
        figures = {"loss": float(result.loss.detach()), "mel": float(mel), "length": float(length)}
        loss = result.loss
        if self.is_adversarial:
            shortest = int(batch["frames"].sum(1).min())  # parts that are speech in all of them
            fake, real = (features[:, :shortest] for features in (result.spectrogram, batch["features"]))
            adversarial, matching = self.adversarial_losses(modules, fake, real)
            loss = loss + self.options.adversarial_weight * adversarial + self.options.match_weight * matching
            figures |= {"adversarial": float(adversarial.detach()), "features": float(matching.detach())}
        self.state.steps += 1
        return loss, figures

    def _speak(self, model: nn.Module, utterance: AlignedUtterance) -> Any:
        """What the model says of the text alone."""
        ids = torch.from_numpy(utterance.ids.astype(np.int64))[None]
        return model(ids.to(next(model.parameters()).device), return_dict=True)

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        model, rows = modules["acoustic"], []
        for utterance in self._measured:
            real = self.scale.features(torch.from_numpy(utterance.waveform())[None])[0]
            forced = forced_features(model, utterance, self.units).cpu()
            mel = (forced - real).abs().mean() * self.scale.scale
            movement = forced.diff(dim=1).std() / real.diff(dim=1).std()
            free = self._speak(model, utterance)
            frames = free.duration_outputs[0].cpu().numpy() - utterance.frames
            lengths = frames * (1000 * self.scale.hop / self.scale.rate_hz)
            voiced = utterance.pitch > 0
            pitches = free.pitch_outputs[0, :, 0].float().cpu().numpy() * self.units.pitch[1] + self.units.pitch[0]
            tones = np.abs(pitches - utterance.pitch)[voiced].mean() * 12 / np.log(2) if voiced.any() else 0.0
            rows.append((float(mel), float(movement), float(np.abs(lengths).mean()), float(tones)))
        return dict(zip(("held_mel", "movement", "length_ms", "semitones"), np.mean(rows, 0).tolist(), strict=True))

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """Three held-out recordings: as they are, with their own lengths, pitches and energies, and from the text alone; with a
        vocoder the sounds are written into the run folder."""
        model, rows = modules["acoustic"], []
        for utterance in self._measured[:3]:
            real = torch.from_numpy(utterance.waveform())
            free = self._speak(model, utterance).spectrogram[0].T.float().cpu()
            forced = forced_features(model, utterance, self.units).cpu()
            rows += [framed(features.numpy()) for features in (self.scale.features(real[None])[0], forced, free)]
            if self.vocoder is not None and free.shape[1] > 1:
                said = self.vocoder(free[None])[0]
                write_samples(self.folder, utterance.name, self.scale.rate_hz, recorded=real, said=said)
        return np.concatenate(rows)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = modules["acoustic"].state_dict()
        state = {key: tensor for key, tensor in tensors.items() if not key.endswith("num_batches_tracked")}
        units = self.units.params()
        heard = {int(symbol) for utterance in self.corpus.training for symbol in utterance.ids}
        params: dict[str, Any] = {
            "acoustic": self.sizes,
            "symbols": list(self.corpus.symbols),
            "mel": self.scale.params(),
            "sample_rate": self.scale.rate_hz,
            "languages": list(self.options.languages),
            "can": ["speed", "pitch", "words", "phonemes"],
            "unheard": [symbol for place, symbol in enumerate(self.corpus.symbols) if place and place not in heard],
            "pitch_per_semitone": units.pop("pitch_per_semitone"),
            "units": units,
            "pace": self._pace(modules["acoustic"]),
        }
        return state, params | ({"vocoder": self.vocoder_sizes} if self.vocoder is not None else {})

    @torch.inference_mode()
    def _pace(self, model: nn.Module) -> float:
        """How long what it says is, in shares of the recordings' lengths: lengths that are learnt as logarithms come out too
        short, which the family makes good for. Over up to `PACED` recordings of the training set."""
        before = model.training
        model.eval()
        said = real = 0.0
        for utterance in self._training[:: -(-len(self._training) // PACED)]:
            said += float(self._speak(model, utterance).duration_outputs.sum())
            real += float(utterance.frames.sum())
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

    sizes = vocos.recognise(read_state_dict(path))
    if sizes is None:
        raise UsageError(f"data.vocoder={path}: no vocoder of this kind")
    if (sizes["bands"], sizes["window"]) != (scale.bands, scale.window):
        raise UsageError(f"data.vocoder={path}: reads other mel features than data.mel says")
    return sizes | {"hop": scale.hop}
