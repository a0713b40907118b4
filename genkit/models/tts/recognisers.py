"""Recognisers of speech through transformers, to measure voices by: wav2vec 2.0 and its kin with letters by CTC (Baevski and
others 2020, arXiv 2006.11477), and Whisper (Radford and others 2022, arXiv 2212.04356).

Only folders that are here are opened: one that is named, or a repository in the Hugging Face cache. Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genkit.errors import UsageError, WeightsError
from genkit.models.settings import read_settings
from genkit.models.tts.folders import open_model, open_tokenizer, quietly

if TYPE_CHECKING:
    import numpy as np

RATE_HZ = 16_000
WINDOW_S = 30  # what Whisper hears at once
KNOWN = (  # that are looked for in the cache, the best first
    "openai/whisper-large-v3-turbo", "openai/whisper-medium.en", "openai/whisper-small.en", "openai/whisper-base.en",
    "openai/whisper-tiny.en", "facebook/wav2vec2-large-960h-lv60-self", "facebook/wav2vec2-base-960h",
    "facebook/hubert-large-ls960-ft",
)  # fmt: skip
_CTC = ("Wav2Vec2ForCTC", "HubertForCTC", "WavLMForCTC", "Wav2Vec2ConformerForCTC")


def cached() -> list[str]:
    """The first known recogniser that lies in the cache, or none."""
    return next(([name] for name in KNOWN if _in_cache(name) is not None), [])


def load_recogniser(name: str, device: torch.device) -> Callable[[np.ndarray], str]:
    """A recogniser of mono float audio at RATE_HZ, by a folder or by the name of a repository in the cache.

    Raises:
        UsageError: it is not here, or is no recogniser. WeightsError: its files are damaged.
    """
    folder = Path(name) if Path(name).is_dir() else _in_cache(name)
    if folder is None:
        raise UsageError(
            f"--recogniser {name}: neither a folder nor in the Hugging Face cache",
            f"hf download {name} fetches it, if it is one",
        )
    kinds = read_settings(folder / "config.json").get("architectures") or [""]
    if kinds[0] == "WhisperForConditionalGeneration":
        return _whisper(folder, device)
    if kinds[0] in _CTC:
        return _letters(folder, str(kinds[0]), device)
    raise UsageError(
        f"--recogniser {name}: {kinds[0] or 'a folder of no model'} is no recogniser that is read", ", ".join(_CTC)
    )


def _in_cache(name: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError, OSError):
        return None
    return folder if (folder / "config.json").is_file() else None


def _extractor(kind: Any, folder: Path) -> Any:
    if not (folder / "preprocessor_config.json").is_file():
        raise WeightsError(f"{folder} lacks preprocessor_config.json", "fetch it again")
    with quietly():
        extractor = kind.from_pretrained(str(folder), local_files_only=True)
    if extractor.sampling_rate != RATE_HZ:
        raise UsageError(f"{folder}: hears {extractor.sampling_rate} Hz; {RATE_HZ} is read")
    return extractor


def _letters(folder: Path, kind: str, device: torch.device) -> Callable[[np.ndarray], str]:
    import transformers

    tokenizer = open_tokenizer(transformers.Wav2Vec2CTCTokenizer, folder, ("vocab.json",))
    extractor = _extractor(transformers.Wav2Vec2FeatureExtractor, folder)
    model = open_model(getattr(transformers, kind), folder, device, torch.float32)

    def recognise(audio: np.ndarray) -> str:
        if len(audio) < RATE_HZ // 10:
            return ""
        inputs = extractor(audio, sampling_rate=RATE_HZ, return_tensors="pt")["input_values"].to(device)
        with torch.inference_mode():
            ids = model(inputs).logits.argmax(-1)[0]
        return str(tokenizer.decode(ids))

    return recognise


def _whisper(folder: Path, device: torch.device) -> Callable[[np.ndarray], str]:
    import transformers

    tokenizer = open_tokenizer(transformers.WhisperTokenizer, folder, ("tokenizer_config.json",))
    extractor = _extractor(transformers.WhisperFeatureExtractor, folder)
    model = open_model(transformers.WhisperForConditionalGeneration, folder, device, torch.float32)
    if (folder / "generation_config.json").is_file():
        model.generation_config = transformers.GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    several = {"language": "en", "task": "transcribe"} if getattr(model.generation_config, "is_multilingual", False) else {}

    def recognise(audio: np.ndarray) -> str:
        heard = []
        for start in range(0, len(audio), WINDOW_S * RATE_HZ):
            part = audio[start : start + WINDOW_S * RATE_HZ]
            inputs = extractor(part, sampling_rate=RATE_HZ, return_tensors="pt")["input_features"].to(device)
            with torch.inference_mode(), quietly():
                ids = model.generate(inputs, do_sample=False, num_beams=1, **several)[0]
            heard.append(tokenizer.decode(ids, skip_special_tokens=True))
        return " ".join(heard)

    return recognise
