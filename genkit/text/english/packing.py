"""The file of the grapheme-to-phoneme model: the network in eight bits, the words it gets wrong, and which words it has seen.

One safetensors file. Words and phonemes of the exceptions are two streams (words by how many letters they share with the one
before), compressed by LZMA; the words of the dictionary are a Bloom filter of ten bits a word, which tells a known word from an
unknown one (one in a hundred wrongly), so that the rules for endings know their stems.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genkit.errors import WeightsError
from genkit.files import parse_json
from genkit.text.english.arpabet import SYMBOLS
from genkit.text.english.g2p import Network

FORMAT = "genkit-g2p/1"
BITS, HASHES = 10, 7  # a word; the best number of hashes for ten bits
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]


class Known:
    """A Bloom filter of words: never denies a word it holds."""

    def __init__(self, bits: np.ndarray):
        self.bits = bits

    @classmethod
    def of(cls, words: Iterable[str]) -> Known:
        words = list(words)
        filled = cls(np.zeros(max(len(words) * BITS // 8, 8), np.uint8))
        for word in words:
            for place in filled._places(word):
                filled.bits[place >> 3] |= 1 << (place & 7)
        return filled

    def _places(self, word: str) -> list[int]:
        digest = hashlib.blake2b(word.encode(), digest_size=16).digest()
        one, other = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little") | 1
        return [(one + i * other) % (len(self.bits) * 8) for i in range(HASHES)]

    def __contains__(self, word: str) -> bool:
        return all(self.bits[place >> 3] >> (place & 7) & 1 for place in self._places(word))


@dataclass(frozen=True)
class Model:
    """What the file holds; `facts` are its figures and what it was learnt from."""

    network: Network
    exceptions: Mapping[str, tuple[str, ...]]
    known: Known
    facts: Mapping[str, Any]


def _squeezed(data: bytes) -> np.ndarray:
    return np.frombuffer(lzma.compress(data, lzma.FORMAT_RAW, filters=_FILTERS), np.uint8)


def _expanded(data: np.ndarray) -> bytes:
    return lzma.decompress(data.tobytes(), lzma.FORMAT_RAW, filters=_FILTERS)


def eight_bits(network: Network) -> dict[str, np.ndarray]:
    """Weights as int8 with a scale for each output (for the embedding: each letter); biases stay as they are."""
    tensors: dict[str, np.ndarray] = {}

    def add(name: str, weight: np.ndarray, axis: int) -> None:
        scale = np.maximum(np.abs(weight).max(axis=axis, keepdims=True), 1e-12) / 127
        # safetensors writes the bytes as they lie: a transposed array would come back scrambled
        tensors[name] = np.ascontiguousarray(np.round(weight / scale).astype(np.int8))
        tensors[f"{name}.scale"] = np.ascontiguousarray(scale.astype(np.float32))

    add("embed", network.embed, 1)
    for place, (weight, bias) in enumerate([*network.layers, network.head]):
        add(f"layer{place}", weight, 0)
        tensors[f"layer{place}.bias"] = bias.astype(np.float32)
    return tensors


def network_of(tensors: Mapping[str, np.ndarray], chunks: list[tuple[str, ...]]) -> Network:
    def whole(name: str) -> np.ndarray:
        return tensors[name].astype(np.float32) * tensors[f"{name}.scale"]

    count = sum(name.endswith(".bias") for name in tensors)
    layers = [(whole(f"layer{place}"), tensors[f"layer{place}.bias"]) for place in range(count)]
    return Network(whole("embed"), layers[:-1], layers[-1], chunks)


def pack_words(entries: Mapping[str, tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
    words, phonemes, before = bytearray(), bytearray(), ""
    ids = {symbol: place + 1 for place, symbol in enumerate(SYMBOLS)}
    for word in sorted(entries):
        shared = 0
        while shared < min(len(word), len(before), 30) and word[shared] == before[shared]:
            shared += 1
        words += bytes([shared + 1]) + word[shared:].encode()
        phonemes += bytes([*(ids[one] for one in entries[word]), 0])
        before = word
    return _squeezed(bytes(words)), _squeezed(bytes(phonemes))


def unpack_words(words: np.ndarray, phonemes: np.ndarray) -> dict[str, tuple[str, ...]]:
    entries: dict[str, tuple[str, ...]] = {}
    said = _expanded(phonemes).split(b"\0")
    word, place, text = "", 0, _expanded(words).decode("ascii")
    at = 0
    while at < len(text):
        end = at + 1
        while end < len(text) and text[end] >= "\x20":
            end += 1
        word = word[: ord(text[at]) - 1] + text[at + 1 : end]
        entries[word] = tuple(SYMBOLS[one - 1] for one in said[place])
        place, at = place + 1, end
    return entries


def save(
    path: Path, network: Network, exceptions: Mapping[str, tuple[str, ...]], known: Known, facts: Mapping[str, Any]
) -> None:
    """Write the file; `facts` must hold what may be asked of it later: figures, source, licence."""
    from safetensors.numpy import save_file

    tensors = eight_bits(network)
    tensors["exceptions.words"], tensors["exceptions.phonemes"] = pack_words(exceptions)
    tensors["known"] = known.bits
    chunks = [" ".join(chunk) for chunk in network.chunks]
    metadata = {"format": FORMAT, "chunks": json.dumps(chunks), "facts": json.dumps(dict(facts))}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)


def load(path: Path) -> Model:
    """Read the file.

    Raises: WeightsError where it is missing or not such a file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
        if metadata.get("format") != FORMAT:
            raise WeightsError(f"{path}: no grapheme-to-phoneme model of genkit ({metadata.get('format') or 'no format'})")
        chunks = [tuple(chunk.split()) for chunk in parse_json(metadata["chunks"])]
        exceptions = unpack_words(tensors.pop("exceptions.words"), tensors.pop("exceptions.phonemes"))
        known = Known(tensors.pop("known"))
        return Model(network_of(tensors, chunks), exceptions, known, parse_json(metadata["facts"]))
    except (OSError, SafetensorError, KeyError, ValueError, IndexError, lzma.LZMAError) as error:
        raise WeightsError(f"{path}: cannot be read ({error})", "it ships with genkit: install genkit again") from error
