"""Learn how English words sound from a pronouncing dictionary: the network that the voices use for words they have not seen.

    python -m genkit.train.tts.g2p --data cmudict.zip --out weights/tts/genkit-g2p.safetensors

Each letter is labelled with the phonemes that it makes (genkit/text/english/alignment.py), and a small convolutional network
learns the labels; words that it gets wrong afterwards are packed beside it (genkit/text/english/packing.py), so that the
dictionary need not be shipped and no word of it is lost. One word in twenty, chosen by a checksum of the word, is held out:
never trained on.
About eight minutes of one idle core; --width 96 --blocks 4 --epochs 1.8 takes two and is what ships now.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from genkit.errors import InputError
from genkit.evaluate.recognising import edit_distance
from genkit.files import read_input
from genkit.text.english.alignment import align, learn
from genkit.text.english.endings import stems
from genkit.text.english.g2p import ALPHABET, Network, letters_of
from genkit.text.english.packing import Known, Model, eight_bits, network_of, save
from genkit.text.english.phonemes import say

Dictionary = dict[str, list[tuple[str, ...]]]
Part = tuple[int, torch.Tensor]  # words of one length: how long they are, and which

WIDTH, BLOCKS, KERNEL = 128, 5, 5
EPOCHS, BATCH, PEAK_RATE = 7, 256, 4e-3
LARGEST_DICTIONARY = 64 << 20  # bytes
RAREST = 8  # a chunk seen less often is not learnt; its words end up among the exceptions
HELD_OUT = 20  # one word in so many
ENDINGS = ("'s", "s'", "ness", "less", "ies", "es", "s", "ied", "ed", "ing", "ly", "ful")  # of rules, as they are counted
PROTOCOL = (
    "held out: words whose CRC-32 is a multiple of 20, never trained on and, for these figures, not among the known words; "
    "a word is right where it equals any of its pronunciations in the dictionary, stress included unless it says without; "
    "phoneme errors are edits to the nearest pronunciation over its length; network_*: letters through the network alone, "
    "the others with the rules for endings, as running text is read; rules: how many words each "
    "decides, how many of them the network alone has wrong, and how many the rule"
)
NOTICE = (
    "Learnt from the CMU Pronouncing Dictionary, parts of which it holds: Copyright (C) 1993-2015 Carnegie Mellon University, "
    "all rights reserved; its licence is in genkit-g2p.LICENSE.txt beside this file."
)


def read_dictionary(path: Path) -> Dictionary:
    """Every pronunciation of each word in CMUdict's format, the usual one first; from the .dict file or a zip that holds it.

    Raises: InputError where there is no such file or a line is not `word PHONEME...`.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next((name for name in archive.namelist() if name.endswith(".dict")), None)
                if name is None:
                    raise InputError(f"{path}: no .dict file in it")
                text = archive.read(name).decode("utf-8")
        else:
            text = read_input(path, LARGEST_DICTIONARY).decode("utf-8")
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    dictionary: Dictionary = {}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split("#")[0].split()
        if not fields or fields[0].startswith(";;;"):
            continue
        if len(fields) < 2:
            raise InputError(f"{path}, line {number}: a word without phonemes")
        dictionary.setdefault(fields[0].partition("(")[0].lower(), []).append(tuple(fields[1:]))
    return {word: said for word, said in dictionary.items() if set(word) <= set(ALPHABET)}


def held_out(word: str) -> bool:
    return zlib.crc32(word.encode()) % HELD_OUT == 0


def without_stress(phonemes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(phoneme.rstrip("012") for phoneme in phonemes)


def chunks_of(dictionary: Dictionary, seed: int = 0) -> dict[str, list[tuple[str, ...]]]:
    """The phonemes of each letter of each word that aligns, with stress."""
    pairs = [(word, without_stress(said[0])) for word, said in dictionary.items() if not held_out(word)]
    costs = learn(random.Random(seed).sample(pairs, min(8000, len(pairs))), rounds=4)
    labels = {}
    for word, said in dictionary.items():
        chunks, at = [], 0
        for chunk in align(word, without_stress(said[0]), costs) or ():
            chunks.append(said[0][at : at + len(chunk)])
            at += len(chunk)
        if chunks:
            labels[word] = chunks
    return labels


class LetterNet(nn.Module):
    """Letters (N, L) to logits of chunks (N, L, chunks); convolutions with batch normalisation, folded when packed."""

    def __init__(self, chunks: int, width: int = WIDTH, blocks: int = BLOCKS):
        super().__init__()
        self.embed = nn.Embedding(len(ALPHABET), width)
        self.convs = nn.ModuleList([nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, bias=False) for _ in range(blocks)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(width) for _ in range(blocks)])
        self.head = nn.Linear(width, chunks)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        x = self.embed(letters).transpose(1, 2)  # (N, width, L)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + F.relu(norm(conv(x)))
        return self.head(F.dropout(x.transpose(1, 2), 0.1, self.training))

    def folded(self, chunks: list[tuple[str, ...]]) -> Network:
        """The same network for numpy: normalisation within the convolutions."""
        state = {name: value.double() for name, value in self.state_dict().items()}
        layers = []
        for place, norm in enumerate(self.norms):
            mean, spread = state[f"norms.{place}.running_mean"], state[f"norms.{place}.running_var"]
            scale = state[f"norms.{place}.weight"] / torch.sqrt(spread + getattr(norm, "eps", 1e-5))
            weight = state[f"convs.{place}.weight"] * scale[:, None, None]  # (out, in, taps)
            weight = weight.permute(2, 1, 0).reshape(-1, weight.shape[0])
            layers.append((weight.float().numpy(), (state[f"norms.{place}.bias"] - mean * scale).float().numpy()))
        head = self.head.weight.detach().numpy().T, self.head.bias.detach().numpy()
        return Network(self.embed.weight.detach().numpy(), layers, head, chunks)


def train(
    labels: dict[str, list[tuple[str, ...]]], *, epochs: float = EPOCHS, width: int = WIDTH, blocks: int = BLOCKS, seed: int = 0
) -> tuple[LetterNet, list[tuple[str, ...]]]:
    """Train on the words that are not held out; words of one length make a batch, so that nothing is padded."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    words = [word for word in labels if not held_out(word)]
    counts = Counter(chunk for word in words for chunk in labels[word])
    kinds = [chunk for chunk, count in counts.most_common() if count >= RAREST]
    ids = {chunk: i for i, chunk in enumerate(kinds)}
    by_length: dict[int, list[tuple[list[int], list[int]]]] = {}
    for word in words:
        if all(chunk in ids for chunk in labels[word]):
            by_length.setdefault(len(word), []).append((letters_of(word), [ids[chunk] for chunk in labels[word]]))
    data = {n: (torch.tensor([x for x, _ in rows]), torch.tensor([y for _, y in rows])) for n, rows in by_length.items()}

    def batches() -> list[Part]:
        cut = [(n, part) for n, (x, _) in data.items() for part in torch.randperm(len(x)).split(BATCH)]
        rng.shuffle(cut)
        return cut

    net = LetterNet(len(kinds), width, blocks)
    optimizer = torch.optim.AdamW(net.parameters(), PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.02)
    total = max(int(epochs * len(batches())), 1)
    average = {name: value.clone() for name, value in net.state_dict().items()}
    begun = time.monotonic()
    for step, (length, part) in enumerate(_first(batches, total)):
        warm = min(1.0, (step + 1) / min(200, total))
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * warm * (1.0 - 0.99 * step / total)
        x, y = data[length][0][part], data[length][1][part]
        loss = F.cross_entropy(net(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        keep = min(0.998, step / (step + 20))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1.0 - keep)
        if step % 200 == 0 or step + 1 == total:
            print(f"step {step}/{total}  loss {loss.item():.4f}  {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    net.load_state_dict(average)
    return net.eval(), kinds


def _first(batches: Callable[[], list[Part]], total: int) -> Iterator[Part]:
    """`total` batches, round after round."""
    return islice(chain.from_iterable(batches() for _ in count()), total)


def measure(guesses: dict[str, tuple[str, ...]], dictionary: Dictionary) -> dict[str, float]:
    """Word and phoneme error rate of guesses, with stress and without: against the nearest of a word's pronunciations."""
    figures: dict[str, float] = {}
    for name, view in (("", tuple), ("_without_stress", without_stress)):
        wrong = edits = of = 0
        for word, guess in guesses.items():
            near, length = min((edit_distance(view(guess), view(said)), len(said)) for said in dictionary[word])
            wrong += near > 0
            edits += near
            of += length
        figures[f"word_error_rate{name}"] = wrong / max(len(guesses), 1)
        figures[f"phoneme_error_rate{name}"] = edits / max(of, 1)
    return figures


def pack(network: Network, dictionary: Dictionary, out: Path) -> dict[str, Any]:
    """Write the model's file with its exceptions, and give its figures."""
    tensors = eight_bits(network)
    network = network_of(tensors, network.chunks)  # what is measured and excepted from is what will run
    usual = {word: said[0] for word, said in dictionary.items()}
    unseen = [word for word in usual if held_out(word)]
    seen = Model(network, {}, Known.of(word for word in usual if not held_out(word)), {})
    alone = dict(zip(unseen, network(unseen), strict=True))
    figures = {f"network_{name}": value for name, value in measure(alone, dictionary).items()}
    seen_exceptions = leftovers({word: usual[word] for word in seen_words(usual)}, seen, network)
    ruled = Model(network, seen_exceptions, seen.known, {})
    figures |= measure({word: say(word, ruled) for word in unseen}, dictionary)
    rules = by_rule(alone, ruled, dictionary)
    known = Known.of(usual)
    exceptions = leftovers(usual, Model(network, {}, known, {}), network)
    figures |= {"words": len(usual), "exceptions": len(exceptions), "held_out": len(unseen)}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    facts = {"figures": rounded, "rules": rules, "protocol": PROTOCOL, "notice": NOTICE}
    save(out, network, exceptions, known, facts)
    return {**rounded, "rules": rules, "bytes": out.stat().st_size}


def by_rule(alone: dict[str, tuple[str, ...]], model: Model, dictionary: Dictionary) -> dict[str, list[int]]:
    """For each ending: unseen words that its rule decides, how many of them the network has wrong alone, and the rule."""
    counts: dict[str, list[int]] = {}
    for word, guess in alone.items():
        ruled = say(word, model)
        name = next((name for name in ENDINGS if word.endswith(name)), "none")
        decided = any(stem in model.known or stem in model.exceptions for stem, _ in stems(word))
        row = counts.setdefault(f"-{name}" if decided else "none", [0, 0, 0])
        for place, wrong in enumerate((True, guess not in dictionary[word], ruled not in dictionary[word])):
            row[place] += wrong
    return dict(sorted(counts.items()))


def seen_words(words: Iterable[str]) -> list[str]:
    return [word for word in words if not held_out(word)]


def leftovers(usual: dict[str, tuple[str, ...]], model: Model, network: Network) -> dict[str, tuple[str, ...]]:
    """The words that are not said as the dictionary has them first; short ones before, as stems of the others."""
    order = sorted(usual, key=lambda word: (len(word), word))
    guesses = dict(zip(order, network(order), strict=True))
    exceptions: dict[str, tuple[str, ...]] = {}
    quick = replace(model, network=Remembering(guesses, network), exceptions=exceptions)
    for word in order:
        if say(word, quick) != usual[word]:
            exceptions[word] = usual[word]
    return exceptions


class Remembering(Network):
    """A network whose answers for many words were made at once."""

    def __init__(self, answers: dict[str, tuple[str, ...]], network: Network):
        self.answers, self.network = answers, network

    def __call__(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        return [self.answers[word] if word in self.answers else self.network([word])[0] for word in words]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m genkit.train.tts.g2p", description="Learn how words sound.")
    parser.add_argument("--data", type=Path, required=True, help="cmudict.zip or a .dict file")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    parser.add_argument("--width", type=int, default=WIDTH, help="channels of the network")
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="convolutions of the network")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dictionary = read_dictionary(arguments.data)
    labels = chunks_of(dictionary)
    print(f"{len(labels)} of {len(dictionary)} words aligned", file=sys.stderr, flush=True)
    net, kinds = train(labels, epochs=arguments.epochs, width=arguments.width, blocks=arguments.blocks)
    facts = pack(net.folded(kinds), dictionary, arguments.out)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
