"""Piper's voices (Hansen 2023): VITS as an ONNX file with its settings beside it, run by onnxruntime, which is an extra.

They read the phonemes of espeak-ng, a program under the GPL that is run as a program of its own and is no part of genkit: it
must be installed. A voice that reads letters (`phoneme_type` "text") needs none. The files keep durations to themselves, so
times are those of sentences; their noise is drawn inside onnxruntime and takes no seed. `-O variation=0 -O rhythm=0` makes
the same sound each time.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import RunError, UsageError, WeightsError
from genkit.models.onnx_runtime import need_runtime, open_session, run
from genkit.models.settings import read_settings
from genkit.models.shapes import Chunk
from genkit.models.tts.speaking import Speak, rate_of
from genkit.weights.foreign.onnx_initialisers import read_onnx

if TYPE_CHECKING:
    import torch

    from genkit.cards import Card
    from genkit.text.sentence import Sentence

PROGRAM = "espeak-ng"
PAD, BEGIN, END = "_", "^", "$"
LONGEST = 500
INPUTS = ("input", "input_lengths", "scales")


def build(**params: Any) -> Any:
    """Not possible: a voice is an ONNX file.

    Raises:
        UsageError: always.
    """
    raise UsageError("a piper voice is an ONNX file, and is not built here")


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: a voice is an ONNX file, not a state dict."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Piper:
    """Load `weights` (.onnx) and `settings` (.onnx.json).

    Raises:
        UsageError: onnxruntime or espeak-ng is not installed. WeightsError: files that are not a voice.
    """
    need_runtime(card)
    for needed in ("weights", "settings"):
        if needed not in files:
            raise WeightsError(f"{card.toml}: files.{needed} is missing", code="card")
    settings = read_settings(files["settings"])
    _table_of(settings, files["settings"])
    if settings.get("phoneme_type", "espeak") != "text" and shutil.which(PROGRAM) is None:
        raise UsageError(
            f"{card.name} reads phonemes of {PROGRAM} (GPL), which is not installed", f"apt install {PROGRAM}", code="requires"
        )
    return Piper(card, open_session(card, files, device, INPUTS), settings)


def fields_of(files: Mapping[str, Path]) -> tuple[dict[str, Any], dict[str, Path]]:
    """What the card of a voice's files says, and the files: `weights`, and `settings`, which is FILE.onnx.json unless it is
    named. Nothing of them is run.

    Raises:
        WeightsError: they are no voice.
    """
    weights = files["weights"]
    kept = {"weights": weights, "settings": files.get("settings", weights.with_name(f"{weights.name}.json"))}
    if strange := [role for role in files if role not in kept]:
        raise WeightsError(f"--file {strange[0]}=...: a piper voice has weights and settings alone", code="not-recognised")
    settings = read_settings(kept["settings"])
    _table_of(settings, kept["settings"])
    inputs = read_onnx(weights).inputs
    if missing := [one for one in INPUTS if one not in inputs]:
        raise WeightsError(
            f"{weights}: no piper voice: it takes {', '.join(inputs)}, and not {missing[0]}", code="not-recognised"
        )
    language = settings.get("language") or {}
    code = str(language.get("code") or (settings.get("espeak") or {}).get("voice") or "")
    if not re.fullmatch(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?", code):
        raise WeightsError(
            f"{kept['settings']}: says no language", 'its "language" has a "code", such as en_US', code="settings"
        )
    params = {"languages": [code.replace("_", "-")], "sample_rate": (settings.get("audio") or {}).get("sample_rate", 22_050)}
    fields = {"family": "piper", "dtypes": ["float32"], "requires": "piper", "can": ["speed"], "params": params}
    return fields, kept


def options_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The options of every voice of this family, for its card."""
    what = {"variation": "how much the sound varies", "rhythm": "how much the durations vary"}
    return {
        name: {"type": "float", "minimum": 0.0, "maximum": 2.0, "help": f"{text}; the model's own where it is not given"}
        for name, text in what.items()
    }


def _table_of(settings: Mapping[str, Any], path: Path) -> dict[str, list[int]]:
    table = settings.get("phoneme_id_map")
    if not isinstance(table, dict) or not all(isinstance(one, list) for one in table.values()):
        raise WeightsError(f"{path}: holds no phoneme_id_map", "fetch it again")
    return table


class Piper(Speak):
    takes = "text"
    longest = LONGEST

    def __init__(self, card: Card, session: Any, settings: Mapping[str, Any]):
        audio, espeak = settings.get("audio") or {}, settings.get("espeak") or {}
        speakers = settings.get("speaker_id_map") or {}
        super().__init__(card, sample_rate=rate_of(card, audio.get("sample_rate")), voices=list(speakers))
        self.session, self._speakers, self._table = session, dict(speakers), settings["phoneme_id_map"]
        self._several = int(settings.get("num_speakers", 1)) > 1
        self._letters = settings.get("phoneme_type", "espeak") == "text"
        self._language = str(espeak.get("voice", "en-us"))
        self._drawing = {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8} | dict(settings.get("inference") or {})

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        import numpy as np

        ids = self.ids(self._phonemes(" ".join(sentence.text.split())))
        if len(ids) <= 3:
            return
        scales = [
            float(options.get("variation", self._drawing["noise_scale"])),
            float(self._drawing["length_scale"]) / speed,
            float(options.get("rhythm", self._drawing["noise_w"])),
        ]
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if self._several:
            inputs["sid"] = np.array([self._speakers.get(voice, 0) if voice else 0], np.int64)
        wave = run(self.card, self.session, inputs)[0]
        yield np.clip(np.asarray(wave, np.float32).reshape(-1), -1, 1), ()

    def ids(self, phonemes: Sequence[str]) -> list[int]:
        """Ids of a sentence: a pad behind each phoneme, the signs of its beginning and end; unknown ones are left out and
        counted."""
        pad = self._table.get(PAD, [0])
        row = [*self._table.get(BEGIN, []), *(pad if BEGIN in self._table else ())]
        for one in phonemes:
            if one in self._table:
                row += [*self._table[one], *pad]
            elif one.isalnum() or unicodedata.category(one) == "Sc":
                self._pass_over(one)
        return [*row, *self._table.get(END, [])]

    def _phonemes(self, text: str) -> list[str]:
        if self._letters:
            return list(unicodedata.normalize("NFD", text.casefold()))
        phonemes: list[str] = []
        for clause, mark in _clauses(text):
            command = [PROGRAM, "-q", "--ipa", "-v", self._language, "--", clause]
            try:
                done = subprocess.run(command, capture_output=True, check=True, timeout=60, encoding="utf-8")
            except (OSError, subprocess.SubprocessError, UnicodeError) as error:
                raise RunError(f"{PROGRAM} failed on {clause[:40]!r}: {error}", f"is {PROGRAM} whole?") from error
            ipa = " ".join(re.sub(r"\([a-z-]{2,12}\)", "", done.stdout).split())  # (ru): where it changes its language
            phonemes += [*unicodedata.normalize("NFD", ipa), *([mark] if mark else []), *([" "] if mark == "," else [])]
        return phonemes


def _clauses(text: str) -> Iterator[tuple[str, str]]:
    """Parts of a text with the mark behind each: espeak-ng's own output drops them."""
    for part in re.findall(r"[^,;:.!?]+[,;:.!?]*", text):
        clause = part.rstrip(",;:.!?").strip()
        marks = part[len(part.rstrip(",;:.!?")) :]
        if any(map(str.isalnum, clause)):
            yield clause, marks[:1]
