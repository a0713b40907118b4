"""Bark (Suno 2023): text to tokens to sound by three transformers one after another and EnCodec (Defossez and others 2022,
arXiv 2210.13438), through transformers' `BarkModel`.

It reads text as it stands, laughs at [laughs], and draws every token at random, so a seed decides how it sounds. A voice is a
prompt of earlier tokens: one that the repository holds (`v2/en_speaker_6`) or a file of the authors' layout (`.npz`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genkit.errors import InputError, WeightsError
from genkit.models.settings import read_settings
from genkit.models.shapes import Chunk
from genkit.models.tts.folders import open_model, open_tokenizer, root_of
from genkit.models.tts.speaking import Speak, rate_of, seeded

if TYPE_CHECKING:
    from transformers import BarkModel

    from genkit.cards import Card
    from genkit.text.sentence import Sentence

PARTS = {"semantic_prompt": 1, "coarse_prompt": 2, "fine_prompt": 2}  # of a voice: dimensions
LONGEST = 180  # letters: it speaks for some 13 seconds at most
TOKENS = 256


def build(**params: Any) -> Any:
    """Random weights in any size; `params` are those of transformers' BarkConfig."""
    from transformers import BarkConfig, BarkModel

    return BarkModel(BarkConfig(**params)).eval()


def recognise(state: Mapping[str, torch.Tensor]) -> dict[str, Any] | None:
    """None: how its tokens are drawn is in settings of their own, which weights alone do not hold."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Bark:
    """Load a repository of the transformers layout, with its generation_config.json.

    Raises:
        WeightsError: files that are not Bark.
    """
    from transformers import AutoTokenizer, BarkModel, GenerationConfig

    root = root_of(files, card.name)
    tokenizer = open_tokenizer(AutoTokenizer, root, ("tokenizer_config.json", "vocab.txt"))
    model = open_model(BarkModel, root, device, dtype, pickled=bool(card.params.get("pickled")))
    drawing = read_settings(root / "generation_config.json")
    for part in ("semantic_config", "coarse_acoustics_config", "fine_acoustics_config"):
        if not isinstance(drawing.get(part), dict):
            raise WeightsError(f"{root}: generation_config.json says nothing of {part}", "fetch it again")
    model.generation_config = GenerationConfig.from_dict(drawing)
    return Bark(card, model, tokenizer, root)


class Bark(Speak):
    takes = "text"
    longest = LONGEST
    voice_files = (".npz",)

    def __init__(self, card: Card, model: BarkModel, tokenizer: Any, root: Path):
        listing = root / "speaker_embeddings_path.json"
        self._prompts = {
            name: {part: root / str(place) for part, place in parts.items()}
            for name, parts in (read_settings(listing).items() if listing.is_file() else ())
            if isinstance(parts, dict) and not any(".." in Path(str(place)).parts for place in parts.values())
        }
        generation: Any = model.generation_config  # Bark's own, which transformers' types do not say
        super().__init__(card, sample_rate=rate_of(card, generation.sample_rate), voices=sorted(self._prompts))
        self.model, self.tokenizer = model, tokenizer

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        device = next(self.model.parameters()).device
        read = self.tokenizer(
            " ".join(sentence.text.split()),
            max_length=TOKENS,
            padding="max_length",
            truncation=True,
            add_special_tokens=False,
            return_tensors="pt",
        ).to(device)
        prompt = {part: value.to(device) for part, value in self._prompt(voice).items()} if voice else None
        drawing: dict[str, Any] = {}
        if "temperature" in options:
            drawing |= {"semantic_temperature": options["temperature"], "coarse_temperature": options["temperature"]}
        with torch.inference_mode(), seeded(seed, device):
            sound = self.model.generate(
                input_ids=read["input_ids"], attention_mask=read["attention_mask"], history_prompt=prompt, **drawing
            )
        yield sound[0].float().clamp(-1, 1).cpu().numpy(), ()

    def _prompt(self, voice: str) -> dict[str, torch.Tensor]:
        """The tokens of a voice.

        Raises:
            InputError: a file that holds none.
        """
        import numpy as np

        try:
            if voice in self._prompts:
                arrays = {part: np.load(self._prompts[voice][part], allow_pickle=False) for part in PARTS}
            else:
                with np.load(voice, allow_pickle=False) as held:
                    arrays = {part: held[part] for part in PARTS}
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise InputError(f"--voice {voice}: no voice of Bark ({' '.join(str(error).split())[:80]})", exit_code=2) from error
        for part, dimensions in PARTS.items():
            if arrays[part].ndim != dimensions or arrays[part].dtype.kind not in "iu":
                raise InputError(f"--voice {voice}: {part} is no list of tokens", exit_code=2)
        return {part: torch.from_numpy(array.astype(np.int64)) for part, array in arrays.items()}
