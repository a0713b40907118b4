"""What models can do beyond their verb's plain work: the words that a card's `can` and a verb's options ask with.

`Card.can` unites three things: the words below that follow from the card's family, params or options (so a card need not
repeat them), those that its field `can = [...]` declares, and the names of its options (`prompt`, `negative`, `steps`,
`guidance`, `denoise`, `truncation`, `label`, ...). `able(verb, word)` names the models that can. A card may declare any word of
its verb and no other.

| verb | word | what it lets one ask for |
|---|---|---|
| colorize | `hints` | coloured strokes to go by |
| | `seed` | another colouring by chance |
| inpaint | `seed` | another filling by chance: `--seed`, several candidates |
| cutout | `subject` | the subject of a picture, and what is around it: `--mask subject` |
| mask | `any_word` | what any word names in it: `--mask sky` |
| style | `any_style` | the style of a picture that is given |
| | `own_style` | its one style, with none given |
| | `features` | features to compare pictures by: optimisation |
| translate | `domains` | which of several kinds of picture to make |
| | `edges` | starting from the edges that genkit finds in a photograph |
| | `seed` | another result by chance (by dropout, where that is its only chance, if it is asked for) |
| gan | `classes` | which class to draw |
| | `styles` | a w for each layer: mixing, directions, edits, interpolation in w |
| txt2img | `init`, `control`, `control_init` | starting from a picture, being guided by one, both at once |
| | `weights` | weighted words in prompts, and prompts longer than the encoder's window |
| | `lora`, `vae`, `cache` | adapters, another decoder, reuse between steps |
| tts | `speed`, `pitch`, `seed` | how fast, how high, another reading by chance |
| | `words`, `phonemes` | when each word is said, being told how one is said |

Of a repository without a card nothing but the options is known until its settings have been read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Described(Protocol):
    """What a card says of itself that abilities follow from."""

    @property
    def family(self) -> str: ...
    @property
    def tasks(self) -> tuple[str, ...]: ...
    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def options(self) -> tuple[Any, ...]: ...
    @property
    def declared(self) -> tuple[str, ...]: ...


Rule = Callable[[Described], bool]


def _has_option(*names: str) -> Rule:
    return lambda card: any(option.name in names for option in card.options)


def _has_param(*names: str) -> Rule:
    return lambda card: any(bool(card.params.get(name)) for name in names)


def _is_family(*names: str) -> Rule:
    return lambda card: card.family in names


def _is_pipeline(*names: str) -> Rule:
    return lambda card: card.params.get("pipeline") in names


def _always(card: Described) -> bool:
    return True


def _is_declared(card: Described) -> bool:
    return False


SD, SDXL, FLUX, ZIMAGE = "StableDiffusionPipeline", "StableDiffusionXLPipeline", "FluxPipeline", "ZImagePipeline"
KLEIN, QWEN = "Flux2KleinPipeline", "QwenImagePipeline"

# Verb: word: whether it follows from what else the card says. A test holds the pipelines against the code that drives them.
ABILITIES: Mapping[str, Mapping[str, Rule]] = {
    "upscale": {},
    "colorize": {"hints": _has_param("hints"), "seed": _has_param("stochastic")},
    "inpaint": {"seed": _has_option("steps")},  # what works in steps begins with noise
    "cutout": {"subject": _always},
    "mask": {"any_word": _always},
    "style": {
        "any_style": lambda card: not card.params.get("own_style") and card.family != "vgg19",  # that one paints nothing
        "own_style": _has_param("own_style"),
        "features": _is_family("vgg19", "stylizer"),
    },
    "translate": {
        "domains": _has_param("domains", "num_domains"),
        "edges": _has_param("edges"),
        "seed": _has_option("steps", "dropout"),
    },
    "gan": {"classes": _has_option("label"), "styles": _is_family("stylegan2", "style_dcgan")},
    "txt2img": {
        "init": _is_pipeline(SD, SDXL, FLUX, ZIMAGE, QWEN),
        "control": _is_pipeline(SD, SDXL, FLUX, QWEN),
        "control_init": _is_pipeline(SD, SDXL, FLUX),
        "weights": _is_pipeline(SD, SDXL),
        "lora": _is_pipeline(SD, SDXL, FLUX, ZIMAGE, KLEIN, QWEN),
        "vae": _is_pipeline(SD, SDXL, FLUX, ZIMAGE, KLEIN, QWEN),
        "cache": _is_pipeline(FLUX, KLEIN, QWEN),
    },
    # one network of a family may have been trained for what another has not
    "tts": dict.fromkeys(("speed", "pitch", "seed", "words", "phonemes"), _is_declared),
}


def abilities(card: Described) -> frozenset[str]:
    """All that a card's model can, by the words above."""
    derived = {word for task in card.tasks for word, follows in ABILITIES.get(task, {}).items() if follows(card)}
    # voices said it among their parameters before there was a field for it, and cards of then are read
    return frozenset({*derived, *card.declared, *card.params.get("can", ()), *(option.name for option in card.options)})


def style_layers(card: Described) -> int | None:
    """How many layers of a style-based network a latent is for, where the card tells its side."""
    side = card.params.get("side")
    if not isinstance(side, int) or side < 4:
        return None
    once = side.bit_length() - 2  # a layer at 4 pixels, and one for each time that they are doubled
    return {"style_dcgan": once, "stylegan2": 2 * once}.get(card.family)
