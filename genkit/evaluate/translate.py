"""`genkit eval translate`: PSNR and a distance of features on pairs, and whether results are copies of training pictures.

Pairs are two folders' (`--pairs`), or made from pictures as in training: their edges, for a model of edges, or drawings of
them. Given pictures go through the same task as `genkit translate`. For the copies every result's nearest training picture is
found by features (the deepest layer for pictures of 64 x 64, averaged over 4 x 4 parts, unit length): a network that copies
has results that lie nearer to training pictures than real pictures, which it never saw, do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.pictures import list_pictures, read_pictures
from genkit.data.squares import whole_square
from genkit.data.tensors import to_tensor
from genkit.evaluate.fidelity import psnr
from genkit.evaluate.lpips import Distance, words_of
from genkit.evaluate.perceptual import PictureFeatures, distance_words
from genkit.nets import vgg

if TYPE_CHECKING:
    from genkit.models.shapes import TranslateModel

NEAR_SIDE, PARTS = 64, 4
Translate = Callable[[np.ndarray, int], np.ndarray]


def evaluate(
    pairs: Iterable[tuple[str, np.ndarray, np.ndarray, int]],
    methods: dict[str, Translate],
    *,
    features: PictureFeatures | None = None,
    distance: Distance | None = None,
    training: np.ndarray | None = None,
    keep: Callable[[str, str, np.ndarray], None] = lambda method, name, pixels: None,
    report: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """Measure every method, called with a source and the code of the colour of the thing in it (0: not known); one row each.

    `pairs` are (name, source, target, colour). A row holds `psnr` (dB, RGB, mean over pictures), with `features` their
    `distance`, and with `training` (see `training_features`) `near`, the mean distance of results to the nearest training
    picture, and `near_ratio`, that in shares of the targets' own."""
    figures: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    for name, source, target, colour in pairs:
        keep("given", name, source)
        truth = None if features is None else features_of(features, target)
        real = None if training is None or features is None else nearest(spatial_features(features, target), training)
        for method, translate in methods.items():
            result = translate(source, colour)
            keep(method, name, result)
            row = {"psnr": psnr(result, target)}
            if features is not None and truth is not None:
                row["distance"] = float(vgg.distance(features_of(features, result), truth))
            if features is not None and training is not None and real is not None:
                row |= {"near": nearest(spatial_features(features, result), training), "near_real": real}
            if distance is not None:
                row[distance.key] = distance.between(result, target)
            figures[method].append(row)
        keep("truth", name, target)
        report(name)
    rows = []
    for method, pictures in figures.items():
        means = {key: float(np.mean([row[key] for row in pictures])) for key in pictures[0]}
        if "near" in means:
            means["near_ratio"] = means["near"] / means.pop("near_real")
        rows.append({"model": method, "pictures": len(pictures), **means})
    return rows


def features_of(network: PictureFeatures, pixels: np.ndarray) -> Any:
    import torch

    with torch.inference_mode():
        return network(to_tensor(pixels))


def spatial_features(network: PictureFeatures, pixels: np.ndarray) -> np.ndarray:
    """A picture as a unit vector: what it shows where."""
    from PIL import Image
    from torch.nn.functional import adaptive_avg_pool2d

    small = np.asarray(Image.fromarray(pixels).resize((NEAR_SIDE, NEAR_SIDE), Image.Resampling.BOX))
    vector = adaptive_avg_pool2d(features_of(network, small)[-1], PARTS).flatten().numpy()
    return vector / np.linalg.norm(vector)


def training_features(network: PictureFeatures, data: Path, leave_out: Iterable[str], side: int) -> np.ndarray:
    """`spatial_features` of every picture of a folder or zip but those left out, (N, D)."""
    unwanted = set(leave_out)
    names = [name for name in list_pictures(data) if name not in unwanted]
    return np.stack([spatial_features(network, whole_square(pixels, side)) for _, pixels in read_pictures(data, names)])


def nearest(vector: np.ndarray, others: np.ndarray) -> float:
    """The distance of a unit vector to the nearest of others."""
    return float(np.sqrt(max(0.0, 2 - 2 * float((others @ vector).max()))))


def of_model(network: TranslateModel, notify: Callable[[str], None], with_colour: bool = False) -> Translate:
    """A loaded model as the verb runs it; `with_colour` asks for the target's colour by name."""
    from genkit.verbs.translate.task import TranslateOptions, translate

    def run(source: np.ndarray, colour: int) -> np.ndarray:
        domain = network.domains[colour - 1] if with_colour and colour else None
        return translate(network, source, None, TranslateOptions(to=domain), notify)[0]

    return run


def protocol(kind: str, near: bool, features: PictureFeatures | None, distance: Distance | None = None) -> str:
    data = {
        "edges": "pictures fitted into the model's square, their edges given",
        "sketch": "photographs, against a filter's drawings of them",
        "pairs": "given pairs",
    }[kind]
    copies = (
        "; near: distance to the nearest training picture (the deepest layer for 64 x 64, 4 x 4 means, unit length), "
        "near_ratio: in shares of the real held-out pictures' own, below 1 where results are nearer to training "
        "pictures than those are"
    )
    means = f"{data}; RGB PSNR, 8-bit results, mean over pictures"
    return f"{means}{distance_words(features)}{words_of(distance)}{copies if near else ''}"
