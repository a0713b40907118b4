"""A few frames of a film as pictures, to lay out or to hold against those of another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genkit.errors import InputError
from genkit.media.film.names import FILM_SUFFIXES, is_film

SHOTS = 12


def are_films(paths: Sequence[Path]) -> bool:
    """Whether all of these are films."""
    return bool(paths) and all(path.is_file() and is_film(path) for path in paths)


def may_be_film(path: Path) -> bool:
    """Whether a name in a folder is a film's; animations there are pictures among others."""
    return path.suffix.lower() in FILM_SUFFIXES


def shots_of(path: Path, folder: Path, count: int = SHOTS) -> list[Path]:
    """So many frames, evenly spread over a film, each in a PNG file in `folder` that is called after film and time.

    Raises:
        InputError: the film cannot be read.
    """
    from genkit.media.film import facts, reading
    from genkit.media.film.colour import Converter
    from genkit.media.pictures import images
    from genkit.media.pictures.picture import Picture

    film = facts.probe(path)
    frames = film.video.frames
    count = min(count, frames)
    wanted = {1 + round(place * (frames - 1) / max(1, count - 1)) for place in range(count)}
    converter, found = Converter(), []
    begun: int | None = None
    for raw in reading.raw_frames(film):
        begun = raw.at if begun is None else begun
        if raw.number in wanted:
            shot = reading.shot_of(raw, film, converter)
            seconds = float((raw.at - begun) * film.video.time_base)
            name = f"{path.stem} {int(seconds // 60)}m{seconds % 60:06.3f}s.png"
            images.write(Picture(shot.pixels, shot.alpha), folder / name, format="PNG")
            found.append(folder / name)
    if not found:
        raise InputError(f"{path}: no frame of it can be shown")
    return found


def side_by_side(films: Sequence[Path], folder: Path, count: int = SHOTS) -> list[tuple[str, list[Path]]]:
    """Frames of several films of the same thing, those of one place together, by the first film's times.

    Raises:
        InputError: a film cannot be read.
    """
    rows = []
    for number, path in enumerate(films):
        place = folder / str(number)
        place.mkdir()
        rows.append(shots_of(path, place, count))
    return [(several[0].stem, list(several)) for several in zip(*rows, strict=False)]
