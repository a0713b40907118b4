"""FastSpeech 2 with conformer blocks (Ren and others 2021, arXiv 2006.04558; ESPnet's, arXiv 2010.13956): phonemes to a mel
spectrogram, with a duration and a pitch for each, and a vocoder behind it. `conformer` is the network; it is trained as
transformers' `FastSpeech2ConformerModel`, whose numbers it gives.

Reads ESPnet's published folders (network and HiFi-GAN in one) and genkit's own voices, whose card holds the settings and whose
vocoder is `vocos`. Phonemes are ours (`text/english/phonemes.py`), so no front end is fetched. Speed divides the network's own
durations, pitch is added to its own pitches; durations give the times of phonemes and words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import UsageError, WeightsError
from genkit.models.bounds import bounded_parts, check_network
from genkit.models.checkpoints import fit
from genkit.models.settings import read_settings
from genkit.models.shapes import Chunk, Mark
from genkit.models.stages import Stages
from genkit.models.tts import vocos
from genkit.models.tts.conformer import Conformer, Sizes
from genkit.models.tts.folders import COMPUTED, build_strictly, read_weights, root_of
from genkit.models.tts.griffin_lim import check_mel, sound_of
from genkit.models.tts.speaking import Speak, rate_of
from genkit.weights import read_state_dict

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genkit.cards import Card
    from genkit.text.sentence import Sentence, Word

# how a mark is read where the voice has not got it, or never heard it
ALIKE = {";": ",", ":": ",", "—": ",", "…": ".", "!": ".", "?": "."}
STRESSES = "102"  # in the order in which one stands in for another
UNKNOWN, END, SILENCE = "<unk>", "<sos/eos>", "SIL"


def build(**params: Any) -> Any:
    """Random weights in any size, to be trained; `params` are those of transformers' FastSpeech2ConformerConfig."""
    from transformers import FastSpeech2ConformerConfig, FastSpeech2ConformerModel

    return FastSpeech2ConformerModel(FastSpeech2ConformerConfig(**params)).eval()


def recognise(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """None: which id stands for which phoneme is not in the weights."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> FastSpeech2:
    """Load a published folder (a hub repository, with `vocab` where the symbols lie elsewhere), or files of our own, `acoustic`
    and `vocoder`, whose settings are the card's.

    Raises:
        WeightsError: files that are not such a voice.
    """
    return _own(card, files, device, dtype) if "acoustic" in files else _published(card, files, device, dtype)


def _published(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> FastSpeech2:
    from transformers import FastSpeech2ConformerHifiGan

    root = root_of(files, card.name)
    settings = read_settings(root / "config.json")
    parts = {key: settings.get(f"{key}_config") for key in ("model", "vocoder")}
    if not all(isinstance(one, dict) for one in parts.values()):
        raise WeightsError(f"{root}: config.json holds no FastSpeech2 with its vocoder", "fetch it again")
    state = read_weights(root, pickled=bool(card.params.get("pickled")))
    states = {key: {k.removeprefix(f"{key}."): v for k, v in state.items() if k.startswith(f"{key}.")} for key in parts}
    if strange := [key for key in state if not key.startswith(("model.", "vocoder."))]:
        raise WeightsError(f"{root}: its weights hold an unknown {min(strange)}", "fetch it again", code="damaged")
    model = _network(parts["model"] or {}, states["model"], root)
    vocoder = build_strictly(FastSpeech2ConformerHifiGan, parts["vocoder"] or {}, states["vocoder"], root, device, dtype)
    hop = 1
    for rate in vocoder.config.upsample_rates:
        hop *= rate
    network = Stages({"symbols": model.symbols(), "frames": model.frames(), "sound": vocoder}, device, dtype)
    symbols = read_settings(files.get("vocab", root / "vocab.json"))
    return FastSpeech2(card, network, model.sizes, symbols, hop, rate_of(card))


def _own(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> FastSpeech2:
    from genkit.nets.mel import MelScale

    if "vocoder" not in files:
        raise WeightsError(
            f"{card.toml}: files.vocoder is missing: this is the acoustic part alone",
            "genkit train tts --part vocoder --set data.acoustic=CARD makes it a voice",
            code="card",
        )
    for needed in ("acoustic", "symbols", "mel", "vocoder"):
        if not card.params.get(needed):
            raise WeightsError(f"{card.toml}: params.{needed} is missing", code="card")
    path = files["acoustic"]
    model = _network(card.params["acoustic"], read_state_dict(path), path)
    spectrum = vocos.Spectrum(vocos.read(files["vocoder"], card.params["vocoder"]))
    network = Stages({"symbols": model.symbols(), "frames": model.frames(), "spectrum": spectrum}, device, dtype)
    symbols = {str(one): number for number, one in enumerate(card.params["symbols"])}
    scale = MelScale.of(card.params["mel"])
    return FastSpeech2(card, network, model.sizes, symbols, scale.hop, rate_of(card, scale.rate_hz), scale)


def _network(settings: Mapping[str, Any], state: Mapping[str, Tensor], path: Path) -> Conformer:
    """The acoustic network with exactly these weights.

    Raises:
        WeightsError: settings that build nothing, or weights that do not fit.
    """
    check_network(settings, len(state), path)
    # transformers, by which voices were made and judged, brings all of a file to the format of its first tensor
    rounded = next((one.dtype for one in state.values() if one.is_floating_point()), None)
    tensors = {key: one.to(rounded) for key, one in state.items() if one.is_floating_point() and not COMPUTED.search(key)}
    try:
        with bounded_parts(len(state), path):
            network = Conformer(Sizes.of(settings, rounded))
    except (
        TypeError,
        ValueError,
        RuntimeError,
        ArithmeticError,
        StopIteration,
        UsageError,
    ) as error:  # numbers that are no sizes
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: damaged or no FastSpeech2 ({reason})", "fetch it again", code="damaged") from error
    fit(network, tensors, path, "FastSpeech2")
    return network


class FastSpeech2(Speak):
    """`network` has the stages `symbols` and `frames` of `conformer.py`, and either `spectrum` (`vocos.Spectrum`) or `sound`,
    mel features (1, F, bands) to a sound (1, T), `hop` samples a frame."""

    takes = "phonemes"

    def __init__(
        self, card: Card, network: Stages, sizes: Sizes, symbols: Mapping[str, int], hop: int, rate: int, scale: Any = None
    ):
        count = sizes.num_speakers or 1
        super().__init__(card, sample_rate=rate, voices=[str(one) for one in range(count)] if count > 1 else ())
        if max(symbols.values(), default=0) >= sizes.vocab_size:
            raise WeightsError(f"{card.name}: it has {sizes.vocab_size} symbols, and the list has more", code="damaged")
        self.network, self.symbols, self.hop, self.scale = network, dict(symbols), hop, scale
        self._semitone = float(card.params.get("pitch_per_semitone", 0.0))  # of the unit that the network's pitches have
        self._end = card.params.get("end", END)
        # lengths are learned as logarithms, whose means are short: what the voice's own recordings last longer by
        self._pace = float(card.params.get("pace", 1.0))
        self._unheard = frozenset(card.params.get("unheard", ()))  # symbols that the recordings it learned from had not got

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        tokens, words = self.tokens(sentence, options.get("lexicon"))
        if not words:
            return
        ids = np.array([[self.symbols.get(one, self.symbols.get(UNKNOWN, 0)) for one in tokens]], np.int64)
        speaker = [np.array([int(voice or 0)], np.int64)] if self.voices else []
        rows, logarithms = self.network.run("symbols", ids, np.array([pitch * self._semitone], np.float32), *speaker)
        frames = durations(logarithms[0], speed * self._pace)
        features = self.network.run("frames", np.repeat(rows, frames, axis=1))[0]  # (1, F, bands)
        if options.get("vocoder") == "griffin-lim":
            sound = self._griffin_lim(features[0], seed)
        elif "spectrum" in self.network.modules:
            real, imaginary = self.network.run("spectrum", features)
            sound = np.clip(vocos.inverse(real[0], imaginary[0], self.hop), -1, 1)
        else:
            sound = np.clip(self.network.run("sound", features)[0][0], -1, 1)
        yield sound[: max(int(frames.sum()), 1) * self.hop], self._marks(tokens, words, frames)

    def tokens(self, sentence: Sentence, lexicon: Any = None) -> tuple[list[str], list[tuple[Word, int, int]]]:
        """The symbols of a sentence in a row, and each word with its first and its last place among them."""
        from genkit.text.english.phonemes import words_of

        row: list[str] = []
        words: list[tuple[Word, int, int]] = []
        for piece in sentence.pieces:
            for word, phonemes in words_of(piece, lexicon):
                if word.text and not phonemes:
                    self._pass_over(word.text)
                    continue
                if row and " " in self.symbols:
                    row.append(" ")
                words.append((word, len(row), len(row) + len(phonemes)))
                row += [self._heard(one) for one in phonemes]
            mark = self._heard(piece.mark) if piece.mark else ""
            row += [mark] if mark and mark in self.symbols else []  # "" is the symbol of padding
        if row and row[-1][0].isalpha() and SILENCE in self.symbols:
            row.append(SILENCE)  # genkit's own voices learned from texts that all end on a mark or a silence
        row += [self._end] if self._end in self.symbols else []
        return row, [one for one in words if one[2] > one[1]]

    def _heard(self, symbol: str) -> str:
        """The symbol, or the one nearest to it that the voice has heard: another mark, another stress."""
        others = [ALIKE[symbol]] if symbol in ALIKE else [symbol[:-1] + stress for stress in STRESSES if symbol[-1].isdigit()]
        known = (one for one in (symbol, *others) if one in self.symbols and one not in self._unheard)
        return next(known, symbol)

    def _griffin_lim(self, features: np.ndarray, seed: int) -> np.ndarray:
        if self.scale is not None:
            mel = self.scale.params() | {"logarithm": "e"}
            return sound_of(self.scale.logarithms(features).T, mel, seed)
        return sound_of(features.T, check_mel(self.card.name, self.card.params.get("mel")), seed)

    def _marks(self, tokens: Sequence[str], words: Sequence[tuple[Word, int, int]], frames: np.ndarray) -> list[Mark]:
        ends = (frames.cumsum() * self.hop / self.sample_rate).tolist()
        starts = [0.0, *ends[:-1]]
        marks = []
        for word, first, behind in words:
            marks.append(Mark("word", word.text, starts[first], ends[behind - 1], (word.start, word.end)))
            marks += [Mark("phoneme", tokens[place], starts[place], ends[place]) for place in range(first, behind)]
        return marks


def durations(logarithms: np.ndarray, speed: float) -> np.ndarray:
    """Frames (L,) of each symbol, of logarithms of one more; at least one in all. What is rounded off goes to the next."""
    frames = np.rint(np.exp(logarithms) - 1).clip(0).astype(np.int64)
    if speed != 1:
        ends = np.rint(frames.cumsum().astype(np.float32) / np.float32(speed)).astype(np.int64)
        frames = np.diff(ends, prepend=0)
    return frames if frames.any() else np.ones_like(frames)
