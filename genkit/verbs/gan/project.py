"""`gan project`: find the latents of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.errors import OutputError, UsageError
from genkit.run import ability
from genkit.run.beside import Beside
from genkit.run.option import option
from genkit.run.verb import Context, PictureVerb
from genkit.verbs.gan.options import LABEL, LATENT, chosen

if TYPE_CHECKING:
    import torch

    from genkit.cards import Card
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import SampleModel
    from genkit.verbs.gan.projection import Features


@dataclass(frozen=True)
class Project(PictureVerb):
    """Find the latent of pictures: what the model would have to start from to draw them.

    The middle square of a picture is looked for. The output is the picture as the model draws it (photo_projected.png), and
    photo_projected.npz beside it is the latent, which `genkit gan --latent` draws and `genkit gan edit` changes.

    \b
      genkit gan project photo.jpg
      genkit gan edit photo_projected.npz --direction 0 --amount 2
    """

    label: str | None = option(None, LABEL)
    steps: int = option(300, "Steps of the search.", panel=LATENT, metavar="N", least=1, most=100_000)
    space: str | None = option(
        None,
        "A latent for each layer (w+: nearer to the picture), or one for all (w: easier to edit).",
        panel=LATENT,
        metavar="w+|w",
        shown="w+",
        choices=("w+", "w"),
    )
    features: str | None = option(
        None,
        "The model whose features pictures are compared by; vgg19 is the published one.",
        panel=LATENT,
        metavar="NAME",
        shown="the style network that ships",
    )

    name = "gan project"
    mark = marks = "_projected"
    works = True

    def check(self, context: Context) -> None:
        from genkit.run.call import Call

        chosen(self, context)
        ability.need(self._features_card(), "features", "--features", verb="style")
        if Call(self, context.run).pipes:
            raise UsageError(
                "neither standard output nor a chain has a place for the latent beside it", "write to a file: -o FILE"
            )

    def _features_card(self) -> Card:
        """The card of the model whose features are compared."""
        from genkit import cards
        from genkit.cards.finding import FIRST

        return cards.find(self.features or FIRST["style"], "style")

    def size_of(self, context: Context, width: int, height: int) -> tuple[int, int]:
        side = context.card.params.get("side")
        return (side, side) if isinstance(side, int) else (width, height)

    unit = "steps"

    def effort(self, context: Context, width: int, height: int) -> float:
        return self.steps

    def beside(self, context: Context) -> Beside:
        return Beside((".npz",))

    def recorded(self, context: Context) -> dict[str, Any]:
        options = chosen(self, context) | {"steps": self.steps, "features": self._features_card().name}
        return options | ({"space": self.space} if self.space is not None else {})

    def apply(self, model: SampleModel, picture: Picture, context: Context) -> Picture:
        from genkit.media.pictures.colour import to_srgb
        from genkit.verbs.gan import projection
        from genkit.verbs.gan.latents import Latent
        from genkit.verbs.gan.task import render

        steps, card = context.steps, context.card
        assert steps is not None  # this verb works
        if steps.item.target is None:
            raise OutputError("the latent goes into a file beside the picture", "name the picture's file: -o FILE")
        picture = to_srgb(picture, context.notify)
        pixels, alpha = projection.squared(picture.pixels, picture.alpha, model.side)
        found = projection.project(
            model,
            load_features(self._features_card(), model.device, context),
            pixels,
            alpha,
            steps=self.steps,
            space=self.space or "w+",
            label=chosen(self, context).get("class"),
            seed=context.seed,
            progress=lambda step, of, loss: steps.step(step, of, loss=round(loss, 6)),
        )
        context.notify(
            f"distance {found.loss:.3g}, where 0 is the same and 2 the mean picture ({found.start:.3g} at the start)"
        )
        drawn = next(render(model, found.w[None], [None], notify=context.notify))
        steps.brought[".npz"] = Latent(found.w, card.name, card.revision or "").dump()
        return picture.with_pixels(drawn.pixels, drawn.alpha)


def load_features(card: Card, device: torch.device, context: Context) -> Features:
    """Features of several layers, from fine to coarse, of RGB (N, 3, H, W) in [0, 1]."""
    from genkit.run.session import features_of
    from genkit.run.work import load_beside

    features = features_of(load_beside(context, card, device))
    assert features is not None  # its card says so, which check asks for
    return lambda images: list(features(images, features.style).values())
