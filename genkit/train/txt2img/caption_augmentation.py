"""Augmentation of captioned pictures that teaches how words are put together: colours by name, pictures in another colour, two
things in one picture, things that wear hats. Every caption stays true of its picture, so left and right are never said.

Pictures are RGBA, uint8 (side, side, 4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from genkit.data.captions import Caption, CaptionedPictures

# name: (hue in degrees, factor of saturation, factor of value, least value); None keeps what the picture has
COLOURS: dict[str, tuple[float, float, float, float]] = {
    "red": (2, 1.0, 1.0, 0.0),
    "orange": (28, 1.0, 1.0, 0.0),
    "yellow": (50, 1.0, 1.1, 0.0),
    "green": (125, 0.9, 0.85, 0.0),
    "blue": (214, 1.0, 1.0, 0.0),
    "purple": (276, 0.85, 0.9, 0.0),
    "pink": (335, 0.55, 1.1, 0.6),
    "brown": (24, 0.75, 0.55, 0.0),
    "black": (0, 0.08, 0.25, 0.0),
    "white": (0, 0.04, 1.0, 0.82),
    "gray": (0, 0.04, 0.75, 0.2),
}
WORDS = re.compile(
    r"\b(red|orange|yellow|green|blue|purple|pink|brown|black|white|gray|grey|violet|golden|light)\b[- ]*", re.IGNORECASE
)
NEAR = 32  # degrees around a picture's own hue that take another colour
LEAST = 0.35  # share of what is to be seen that must have that hue


def colour_name(hue: float, saturation: float, value: float) -> str:
    """The word for one colour; hue in degrees, the others 0 to 1."""
    if value < 0.22:
        return "black"
    if saturation < 0.16:
        return "white" if value > 0.85 else "gray" if value > 0.3 else "black"
    if hue < 14 or hue >= 345:
        return "pink" if saturation < 0.5 and value > 0.7 else "red"
    if hue < 42:
        return "brown" if value < 0.68 else "orange"
    if hue < 68:
        return "yellow" if value > 0.55 else "brown"
    if hue < 168:
        return "green"
    if hue < 252:
        return "blue"
    return "purple" if hue < 300 else "pink"


def main_colour(pixels: np.ndarray) -> tuple[str, float] | None:
    """The colour of most of what is to be seen, as (word, hue in degrees); None where there is no such colour."""
    seen = pixels[..., 3] > 127
    if seen.sum() < 16:
        return None
    hsv = to_hsv(pixels[seen][:, :3])
    words = np.array([colour_name(*colour) for colour in hsv[:: max(1, len(hsv) // 256)]])
    names, counts = np.unique(words, return_counts=True)
    best = int(counts.argmax())
    if counts[best] < 0.55 * len(words):
        return None
    same = hsv[:: max(1, len(hsv) // 256)][words == names[best]]
    angles = np.deg2rad(same[:, 0])
    return str(names[best]), float(np.rad2deg(np.arctan2(np.sin(angles).mean(), np.cos(angles).mean())) % 360)


def main_hue(pixels: np.ndarray) -> float | None:
    """The hue, in degrees, of most of the strong colours in a picture, where they are much of it."""
    seen = pixels[..., 3] > 127
    hsv = to_hsv(pixels[seen][:, :3]) if seen.any() else np.zeros((0, 3))
    strong = hsv[(hsv[:, 1] > 0.25) & (hsv[:, 2] > 0.2)]
    if len(strong) < 16:
        return None
    counts = np.histogram(strong[:, 0], 36, (0, 360))[0]
    wide = counts + np.roll(counts, 1) + np.roll(counts, -1)
    peak = int(wide.argmax()) * 10 + 5.0
    return peak if (_hue_distance(strong[:, 0], peak) < NEAR).sum() > LEAST * len(hsv) else None


def recolour(pixels: np.ndarray, hue: float, word: str) -> np.ndarray:
    """The picture with what is near `hue` in the colour of that name."""
    target, strength, light, least = COLOURS[word]
    hsv = to_hsv(pixels[..., :3].reshape(-1, 3))
    share = np.clip((NEAR + 12 - _hue_distance(hsv[:, 0], hue)) / 12, 0, 1) * np.clip((hsv[:, 1] - 0.08) / 0.12, 0, 1)
    turned = hsv.copy()
    offset = ((hsv[:, 0] - hue + 180) % 360 - 180) * 0.35
    turned[:, 0] = (target + offset) % 360
    turned[:, 1] = np.clip(hsv[:, 1] * strength, 0, 1)
    turned[:, 2] = np.clip(least + (1 - least) * hsv[:, 2] * light if least else hsv[:, 2] * light, 0, 1)
    rgb = from_hsv(turned).reshape((*pixels.shape[:2], 3)).astype(np.float32)
    share = share.reshape((*pixels.shape[:2], 1))
    colours = np.round(rgb * share + pixels[..., :3] * (1 - share)).clip(0, 255).astype(np.uint8)
    return np.concatenate([np.where(pixels[..., 3:] > 0, colours, 0).astype(np.uint8), pixels[..., 3:]], 2)


def without_colour(caption: Caption) -> Caption:
    """The caption without any word for a colour."""
    keywords = tuple(keyword for keyword in caption.keywords if not WORDS.search(keyword))
    return Caption(WORDS.sub("", caption.name).strip(" ,:-"), keywords, caption.style)


def side_by_side(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two pictures next to each other, each at about half its size."""
    side = len(first)
    pair = np.zeros_like(first)
    half = side // 2
    top = (side - half) // 2
    pair[top : top + half, :half] = resize(first, half)
    pair[top : top + half, half : 2 * half] = resize(second, half)
    return pair


def with_hat(wearer: np.ndarray, hat: np.ndarray) -> np.ndarray | None:
    """The wearer, a little smaller, with the hat on top of it; None where the wearer is too wide or the hat has no shape."""
    body, top = cut_out(wearer), cut_out(hat)
    side = len(wearer)
    if body is None or top is None:
        return None
    body = fit(body, round(0.74 * side), round(0.9 * side))
    top = fit(top, round(0.42 * side), round(0.62 * body.shape[1]))
    overlap = round(0.3 * top.shape[0])
    if body.shape[0] + top.shape[0] - overlap > side:
        body = fit(body, side - top.shape[0] + overlap, side)
    picture = np.zeros_like(wearer)
    start = (side - body.shape[0] - top.shape[0] + overlap) // 2 + top.shape[0] - overlap
    left = (side - body.shape[1]) // 2
    picture[start : start + body.shape[0], left : left + body.shape[1]] = body
    above, across = start + overlap - top.shape[0], (side - top.shape[1]) // 2
    return composite(picture, top, above, across)


def cut_out(pixels: np.ndarray) -> np.ndarray | None:
    seen = pixels[..., 3] > 40
    if seen.sum() < 32 or seen.mean() > 0.97:
        return None
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fit(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Reduced to fit into a height and a width, in proportion; never enlarged."""
    share = min(1.0, height / pixels.shape[0], width / pixels.shape[1])
    return resize(pixels, max(1, round(pixels.shape[0] * share)), max(1, round(pixels.shape[1] * share)))


def resize(pixels: np.ndarray, height: int, width: int | None = None) -> np.ndarray:
    from PIL import Image

    wanted = (width or height, height)
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(wanted, Image.Resampling.BOX))


def composite(ground: np.ndarray, picture: np.ndarray, top: int, left: int) -> np.ndarray:
    """`picture` laid over `ground` (Porter and Duff's over)."""
    result = ground.astype(np.float32) / 255
    part = (slice(top, top + picture.shape[0]), slice(left, left + picture.shape[1]))
    above, below = picture.astype(np.float32) / 255, result[part]
    alpha = above[..., 3:] + below[..., 3:] * (1 - above[..., 3:])
    colour = above[..., :3] * above[..., 3:] + below[..., :3] * below[..., 3:] * (1 - above[..., 3:])
    result[part] = np.concatenate([colour / np.maximum(alpha, 1e-6), alpha], 2)
    return np.round(result * 255).clip(0, 255).astype(np.uint8)


def to_hsv(colours: np.ndarray) -> np.ndarray:
    """uint8 (N, 3) as hue in degrees, saturation and value 0 to 1."""
    rgb = colours.astype(np.float32) / 255
    value, least = rgb.max(1), rgb.min(1)
    spread = np.maximum(value - least, 1e-6)
    red, green, blue = rgb.T
    hue = np.where(
        value == red, (green - blue) / spread, np.where(value == green, 2 + (blue - red) / spread, 4 + (red - green) / spread)
    )
    return np.stack([hue * 60 % 360, np.where(value > 0, (value - least) / np.maximum(value, 1e-6), 0), value], 1)


def from_hsv(hsv: np.ndarray) -> np.ndarray:
    """(N, 3) back to colours 0 to 255."""
    hue, saturation, value = hsv.T
    places = (np.array([5.0, 3.0, 1.0])[None] + (hue / 60)[:, None]) % 6
    return 255 * value[:, None] * (1 - saturation[:, None] * np.clip(np.minimum(places, 4 - places), 0, 1))


def _hue_distance(hues: np.ndarray, hue: float) -> np.ndarray:
    return np.abs((hues - hue + 180) % 360 - 180)


def short(caption: Caption) -> bool:
    """Whether a name can stand beside another one."""
    return len(caption.name.split()) <= 3 and ":" not in caption.name and "," not in caption.name


def article(name: str) -> str:
    return ("an " if name[:1].lower() in "aeiou" else "a ") + name


@dataclass(frozen=True)
class AugmentationOptions:
    """Pictures to make of those without a style: up to `recoloured` of each that has a hue and none of the keywords `kept`, so
    many `pairs` of two, and so many `hats`: things of the keywords `hat_wearers` in one of `hat_names`."""

    recoloured: int = 0
    kept: tuple[str, ...] = ()
    pairs: int = 0
    hats: int = 0
    hat_wearers: tuple[str, ...] = ()
    hat_names: tuple[str, ...] = ()


Captioned = tuple[np.ndarray, Caption]


def augment_pictures(
    pictures: CaptionedPictures, options: AugmentationOptions, seed: int = 0
) -> tuple[list[np.ndarray], list[Caption]]:
    """New pictures and their captions."""
    rng = np.random.default_rng(seed)
    own = [(pictures.pixels[place], pictures.captions[place]) for place in pictures.of_style("")]
    augmented: list[Captioned] = []
    pool: list[Captioned] = []
    for picture, caption in own:
        recoloured = _recoloured(picture, caption, options, rng)
        augmented += recoloured
        pool += [(picture, caption), *recoloured]
    usable = [each for each in pool if short(each[1])]
    for _ in range(options.pairs if len(usable) > 1 else 0):
        (first, name), (second, other) = (usable[int(place)] for place in rng.choice(len(usable), 2, replace=False))
        joint = str(rng.choice([" and ", " with ", " next to "]))
        augmented.append((side_by_side(first, second), Caption(article(name.name) + joint + article(other.name))))
    hats = [each for each in pool if each[1].name in options.hat_names]
    wearers = [each for each in usable if set(each[1].keywords) & set(options.hat_wearers)]
    for _ in range(options.hats if hats and wearers else 0):
        (body, name), (hat, hat_name) = wearers[int(rng.integers(len(wearers)))], hats[int(rng.integers(len(hats)))]
        if (picture := with_hat(body, hat)) is None:
            continue
        word = "hat" if rng.random() < 0.4 and "crown" not in hat_name.name else hat_name.name
        augmented.append((picture, Caption(article(name.name) + str(rng.choice([" with ", " wearing "])) + article(word))))
    return [picture for picture, _ in augmented], [caption for _, caption in augmented]


def _recoloured(
    picture: np.ndarray, caption: Caption, options: AugmentationOptions, rng: np.random.Generator
) -> list[Captioned]:
    hue, plain = main_hue(picture), without_colour(caption)
    if hue is None or not plain.name or not options.recoloured:
        return []
    if set(options.kept) & {*caption.keywords, *caption.name.split(" ")}:
        return []
    own = main_colour(picture)
    others = [word for word in COLOURS if own is None or word != own[0]]
    chosen = map(str, rng.choice(others, min(options.recoloured, len(others)), replace=False))
    return [(recolour(picture, hue, word), Caption(f"{word} {plain.name}", plain.keywords, caption.style)) for word in chosen]


def augment_caption(caption: Caption, colour: str | None, rng: np.random.Generator) -> str:
    """One of the ways to say what is to be seen; `colour` is the picture's own, if it has one."""
    chance, name = rng.random(), caption.name
    if colour is not None and rng.random() < 0.2 and not WORDS.search(name):
        name = f"{colour} {name}"
    if rng.random() < 0.25 and name[:1].isalpha() and short(caption) and not name.startswith(("a ", "an ")):
        name = article(name)
    keywords = list(caption.keywords)
    if chance < 0.35 and keywords:
        taken = rng.choice(keywords, min(len(keywords), int(rng.integers(1, 4))), replace=False)
        name = ", ".join([name, *map(str, taken)])
    elif chance < 0.42 and len(keywords) > 2:
        name = ", ".join(map(str, rng.choice(keywords, 3, replace=False)))
    if caption.style:
        name = f"{name}, {caption.style}"
    return name
