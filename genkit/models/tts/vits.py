"""VITS (Kim, Kong and Son 2021, arXiv 2106.06103): text straight to a waveform, here above all Meta's MMS voices of some 1,100
languages (Pratap and others 2023, arXiv 2305.13516), through transformers' `VitsModel`.

The network's parts are called one by one rather than its `forward`, which keeps the durations to itself: they give the times of
words, and all noise is drawn on the CPU. Each letter stands between two blanks, which share its time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genkit.errors import InputError, UsageError, WeightsError
from genkit.models.shapes import Chunk, Mark
from genkit.models.tts.folders import open_model, open_tokenizer, root_of
from genkit.models.tts.speaking import Speak, rate_of, seeded

if TYPE_CHECKING:
    from transformers import VitsModel, VitsTokenizer

    from genkit.cards import Card
    from genkit.text.sentence import Sentence, Word


def build(**params: Any) -> Any:
    """Random weights in any size; `params` are those of transformers' VitsConfig."""
    from transformers import VitsConfig, VitsModel

    return VitsModel(VitsConfig(**params)).eval()


def recognise(state: Mapping[str, torch.Tensor]) -> dict[str, Any] | None:
    """None: what a voice reads is in its tokenizer, which weights alone do not hold."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Vits:
    """Load a repository of the transformers layout.

    Raises:
        WeightsError: files that are not a VITS voice, or a front end that is not here.
    """
    from transformers import VitsModel, VitsTokenizer

    root = root_of(files, card.name)
    tokenizer = open_tokenizer(VitsTokenizer, root, ("vocab.json", "tokenizer_config.json"))
    if tokenizer.phonemize:
        raise WeightsError(f"{card.name} reads phonemes of espeak, which its repository does not bring", "take another voice")
    return Vits(card, open_model(VitsModel, root, device, dtype), tokenizer)


class Vits(Speak):
    takes = "characters"

    def __init__(self, card: Card, model: VitsModel, tokenizer: VitsTokenizer):
        count = model.config.num_speakers
        super().__init__(
            card,
            sample_rate=rate_of(card, model.config.sampling_rate),
            voices=[str(one) for one in range(count)] if count > 1 else (),
        )
        self.model, self.tokenizer = model, tokenizer
        self.hop = 1
        for rate in model.config.upsample_rates:
            self.hop *= rate

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        spelled = self._spelled([word for piece in sentence.pieces for word in piece.words])
        if not spelled:
            return
        ids, owners = self._ids([text for _, text in spelled])
        with torch.inference_mode():
            sound, durations = self._made(ids, seed, voice, speed, options)
        yield sound, self._marks(durations, owners, spelled)

    def _spelled(self, words: Sequence[Word]) -> list[tuple[Word, str]]:
        """Each word as the letters that the voice knows, without their accents where it knows them so; words of none are left
        out."""
        if self.tokenizer.is_uroman:
            words = [word if word.text.isascii() else _romanised(word, self.card.name) for word in words]
        spelled = []
        for word in words:
            known = "".join(self._known(letter) for letter in unicodedata.normalize("NFC", word.text))
            text = self.tokenizer.prepare_for_tokenization(known)[0]
            spelled.append((word, text))
            if sum(map(str.isalnum, text)) < sum(map(str.isalnum, known)) or not text.strip():
                self._pass_over(word.text)
        return [(word, text) for word, text in spelled if text.strip()]

    def _known(self, letter: str) -> str:
        """A letter, or what is left of it without accents that the voice has not got."""
        known = self.tokenizer.encoder
        if letter in known or letter.lower() in known:
            return letter
        plain = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
        return plain if plain and all(one in known or one.lower() in known for one in plain) else letter

    def _ids(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """Ids of letters with blanks around each, and which word each is of (-1: none)."""
        known, blank = self.tokenizer.encoder, 0
        ids: list[int] = []
        owners: list[int] = []
        for number, word in enumerate(words):
            if number and " " in known:
                ids.append(known[" "])
                owners.append(-1)
            ids += [known.get(letter, self.tokenizer.unk_token_id or 0) for letter in word]
            owners += [number] * len(word)
        if not self.tokenizer.add_blank:
            return ids, owners
        spread, spread_owners = [blank], [owners[0]]
        for one, owner in zip(ids, owners, strict=True):
            spread += [one, blank]
            spread_owners += [owner, owner]
        return spread, spread_owners

    def _made(
        self, ids: Sequence[int], seed: int, voice: str | None, speed: float, options: Mapping[str, Any]
    ) -> tuple[Any, torch.Tensor]:
        """A waveform (T,) and the frames of each id."""
        model = self.model
        device = next(model.parameters()).device
        tokens = torch.tensor([list(ids)], device=device)
        mask = torch.ones_like(tokens).unsqueeze(-1).to(next(model.parameters()).dtype)  # (1, L, 1)
        speaker = None
        if self.voices:
            number = torch.tensor([int(voice or 0)], device=device)
            speaker = model.embed_speaker(number).unsqueeze(-1)  # (1, S, 1)
        text = model.text_encoder(input_ids=tokens, padding_mask=mask, attention_mask=torch.ones_like(tokens), return_dict=True)
        hidden, mask = text.last_hidden_state.transpose(1, 2), mask.transpose(1, 2)  # (1, C, L), (1, 1, L)
        variation = float(options.get("variation", model.noise_scale))
        rhythm = float(options.get("rhythm", model.noise_scale_duration))
        with seeded(seed, torch.device("cpu")):  # the predictor draws on the CPU and moves what it drew
            if model.config.use_stochastic_duration_prediction:
                logarithm = model.duration_predictor(hidden, mask, speaker, reverse=True, noise_scale=rhythm)
            else:
                logarithm = model.duration_predictor(hidden, mask, speaker)
            pace = float(model.speaking_rate) * speed
            frames = torch.ceil(torch.exp(logarithm) * mask / pace).clamp(max=1000)[0, 0].long()  # (L,)
            if int(frames.sum()) == 0:
                frames[-1] = 1
            means = text.prior_means[0].repeat_interleave(frames, dim=0)  # (F, C)
            deviations = text.prior_log_variances[0].repeat_interleave(frames, dim=0).exp()
            noise = torch.randn(means.shape).to(means)
        latents = (means + noise * deviations * variation).T[None]  # (1, C, F)
        whole = torch.ones_like(latents[:, :1])
        latents = model.flow(latents, whole, speaker, reverse=True)
        wave = model.decoder(latents * whole, speaker)  # (1, 1, T)
        return wave[0, 0].float().clamp(-1, 1).cpu().numpy(), frames.cpu()

    def _marks(self, frames: torch.Tensor, owners: Sequence[int], spelled: Sequence[tuple[Word, str]]) -> list[Mark]:
        ends = (frames.cumsum(0) * self.hop / self.sample_rate).tolist()
        starts = [0.0, *ends[:-1]]
        marks = []
        for number, (word, _) in enumerate(spelled):
            places = [place for place, owner in enumerate(owners) if owner == number]
            marks.append(Mark("word", word.text, starts[places[0]], ends[places[-1]], (word.start, word.end)))
        return marks


def _romanised(word: Word, name: str) -> Word:
    from dataclasses import replace

    try:
        import uroman
    except ImportError as error:
        raise UsageError(
            f"{name} reads its language in Roman letters, which uroman writes", "pip install uroman", code="requires"
        ) from error
    try:
        return replace(word, text=uroman.Uroman().romanize_string(word.text))
    except (ValueError, KeyError) as error:
        raise InputError(f"{word.text}: uroman cannot write it in Roman letters") from error
