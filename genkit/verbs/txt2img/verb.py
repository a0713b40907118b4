"""`txt2img`: draw pictures from words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run.settings import parse_model_options
from genkit.run.verb import Context
from genkit.verbs.txt2img.declaration import Txt2imgDeclaration

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.run.drawn import Outputs
    from genkit.run.settings import Run

NOTES, SOURCE = "notes on the card", "source settings"  # what a context keeps


@dataclass(frozen=True)
class Txt2img(Txt2imgDeclaration):
    """Draw pictures from words. A prompt and a seed give the same picture, whatever is drawn with them.

    {red|blue} draws each, and so do lists: --guidance 2,4,7. (words:1.3) makes words count for more, where the model takes
    weights. A backslash before { | } ( or ) makes it plain text. A line of a list may bring options of its own: behind the
    prompt in .txt (a red bicycle --steps 20), as columns in .csv, as keys in .jsonl.

    \b
      genkit txt2img "a red bicycle"
      genkit txt2img "a {red|blue} heart" --seeds 0-3 -o hearts/
      genkit txt2img "a heart" --guidance 2,4,7 --seeds 0-1 --grid 3x2
      genkit txt2img --from prompts.csv -o out/ --resume
      genkit txt2img "in the snow" --init photo.jpg --denoise 0.6
    """

    name = "txt2img"
    first = "prompts"

    @classmethod
    def adopt(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Several seeds may be given as `seed`, and a size as (width, height)."""
        found = dict(values)
        for name in ("seed", "seeds"):
            if isinstance(found.get(name), Sequence) and not isinstance(found[name], str):
                found["seeds"] = ",".join(map(str, found.pop(name)))
        if isinstance(size := found.get("size"), (list, tuple)):
            found["size"] = _size_text(size) if _is_size(size) else [_size_text(one) if _is_size(one) else one for one in size]
        return found

    def context(self, run: Run, card: Card | None = None) -> Context:
        from genkit import cards
        from genkit.run.pipelines import settle
        from genkit.verbs.txt2img.source_settings import read_source_settings

        self._refuse_contradictions(run)
        source = read_source_settings(self.like) if self.like is not None else None
        notes: tuple[str, ...] = ()
        if card is None:
            name = run.model or (source.model if source else None) or cards.default_model(self.task)
            card, notes = settle(cards.find(name, self.task))
        context = super().context(run, card)
        context.once(NOTES, lambda: notes)
        context.once(SOURCE, lambda: source)
        return context

    def _refuse_contradictions(self, run: Run) -> None:
        if self.sheet is not None and self.grid is None:
            raise UsageError("--sheet is one of the sheets of --grid", "give both, or neither")
        if self.grid is not None and self.save_steps is not None:
            raise UsageError("--save-steps saves steps of a picture, not of a sheet", "leave out --grid or --save-steps")
        if self.save_steps is not None and run.output == "-":
            raise UsageError("standard output has no place for pictures on the way", "write to a file: -o FILE")
        self.batch_limit()

    def options_of_model(self, card: Card, run: Run) -> dict[str, Any]:
        """Those of -O alone: what has a spelling of its own may differ from line to line."""
        return parse_model_options(card, run.model_options)

    def check(self, context: Context) -> None:
        from genkit.run import ability, pipelines

        if self.attention is not None:
            ability.refuse_unknown("--attention", self.attention, pipelines.attention_names())
        if self.cache is not None:
            ability.refuse_unknown("--cache", self.cache, pipelines.cache_names())

    def outputs(self, context: Context) -> Outputs:
        from genkit.verbs.txt2img.plan import outputs_of

        return outputs_of(self, context, context.once(SOURCE, lambda: None), context.once(NOTES, tuple))


def _is_size(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(side, int) for side in value)


def _size_text(size: Any) -> str:
    return "x".join(map(str, size))
