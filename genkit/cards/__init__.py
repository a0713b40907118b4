"""Model cards: one TOML file a model, read, checked and found by name.

Cards lie in `weights/<task>/<name>.toml` (inside the package in a wheel) and, for a user's own models, in
`GENKIT_HOME/cards/<task>/<name>.toml`; a checkpoint that has a `path` lies beside its card. `<name>.train.toml` files are
training configurations, not cards. What a model can beyond its verb's plain work is `Card.can`, by the words of
`abilities.py`; `able(verb, word)` names the models that can. Standard library only: shell completion and `--help` stand on
this room.
"""

from genkit.cards.card import Card, CardFile, Folder, Hash, Hub, Member, Option, Package
from genkit.cards.finding import (
    able,
    all_cards,
    card_paths,
    default_model,
    faults,
    find,
    lasting_name,
    names,
    plain_name,
    recommended,
)
from genkit.cards.places import cache_folder, user_folder, weights_folder
from genkit.cards.reading import parse_card, read_card
from genkit.cards.writing import card_text

__all__ = [
    "Card",
    "CardFile",
    "Folder",
    "Hash",
    "Hub",
    "Member",
    "Option",
    "Package",
    "able",
    "all_cards",
    "cache_folder",
    "card_paths",
    "card_text",
    "default_model",
    "faults",
    "find",
    "lasting_name",
    "names",
    "parse_card",
    "plain_name",
    "read_card",
    "recommended",
    "user_folder",
    "weights_folder",
]
