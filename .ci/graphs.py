"""Convert the shipped networks to the graphs that lie beside their weights: run after a checkpoint or a network changed.

    python .ci/graphs.py [NAME ...]

A graph that the weights' hash says is of them already is left alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from genkit.cards import all_cards
from genkit.engine import store
from genkit.errors import UsageError
from genkit.models import load_model
from genkit.models.engines import convert_model, graphs_beside, identity_of, is_convertible, tensors_of
from genkit.weights import resolve


def main(names: list[str]) -> None:
    for card in all_cards():
        if card.origin != "shipped" or (names and card.name not in names):
            continue
        files = resolve(card, announce=print)
        if not is_convertible(card, files):
            continue
        identity, path = identity_of(card, files), graphs_beside(card)
        state = tensors_of(files)
        if not names and store.load(path, identity, state.copy) is not None:
            continue
        try:
            converted = convert_model(load_model(card, files, "cpu", "float32"), identity)
        except UsageError as error:
            print(f"{card.name}: stays in torch: {error.message}")
            path.unlink(missing_ok=True)
            continue
        store.save(path, converted, state)
        differences = ", ".join(f"{stage} {graph.difference:.1e}" for stage, graph in converted.graphs.items())
        print(f"{card.name}: {path.stat().st_size / 1000:.0f} kB, largest difference {differences}")


if __name__ == "__main__":
    main(sys.argv[1:])
