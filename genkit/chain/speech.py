"""Speech at the end of a chain: the picture that it is handed, if any, becomes the cover of each sound."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run.beside import Beside
from genkit.run.inputs import Found
from genkit.run.item import Item
from genkit.run.naming import Naming, target_of
from genkit.run.verb import SpeechVerb
from genkit.verbs.tts.work import UNIT, SpeechWork, refuse_unfinished, size_of

if TYPE_CHECKING:
    from genkit.chain.graph import Leaf, Node
    from genkit.media.pictures.picture import Picture
    from genkit.run.settings import ChainRun

__all__ = ["UNIT", "SpeechWork", "count_of", "cover_of", "items_of", "reads_of", "refuse_unfinished", "request_of"]

COVER_QUALITY = 90


def request_of(node: Node) -> Any:
    """What a node is asked to say."""
    return node.verb.request(node.context)  # type: ignore[attr-defined]


def count_of(leaf: Leaf) -> int:
    """How many outputs a chain gives for each picture."""
    return len(request_of(leaf.node).scripts) if isinstance(leaf.node.verb, SpeechVerb) else 1


def reads_of(leaf: Leaf) -> Sequence[Path]:
    """The texts that are read, which no output may replace."""
    return request_of(leaf.node).sources if isinstance(leaf.node.verb, SpeechVerb) else ()


def items_of(leaf: Leaf, run: ChainRun, folder: Path | None) -> list[Item]:
    """The sounds at the end of a chain."""
    node, request = leaf.node, request_of(leaf.node)
    format = request.encoding.format
    if run.output == "-":
        raise UsageError("a chain speaks into files", "-o FILE")
    found = []
    for index, script in enumerate(request.scripts):
        stem = f"{script.stem}_{leaf.label}" if leaf.label else script.stem
        if folder is None and run.output is not None:
            target: Path | None = Path(run.output)
        else:
            naming = Naming("", str(folder or "."), None, run.name, {"verb": node.verb.name, "model": node.context.card.name})
            target = target_of(
                index, Found(None, PurePath(f"{stem}.{format.lower()}")), naming, folder or Path(), format, format
            )
        size = size_of(node.verb, request, node.context, index)  # type: ignore[arg-type]
        beside = Beside(node.verb.suffixes, sidecar=run.sidecar)  # type: ignore[attr-defined]
        found.append(Item(index, script.name, None, target, format, bytes=size, beside=beside, effort=script.letters))
    return found


def cover_of(picture: Picture) -> bytes:
    """A picture as the JPEG that players show."""
    from genkit.media.pictures import images

    stream = io.BytesIO()
    images.write(picture, stream, format="JPEG", quality=COVER_QUALITY, strip=True)
    return stream.getvalue()
