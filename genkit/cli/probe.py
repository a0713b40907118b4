"""`genkit probe`: what is in a film."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from genkit.media.film.facts import FilmFacts, StreamFacts

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def probe(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Films, animations, frames/%04d.png.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, one for each film.")] = False,
) -> int:
    """Say what is in films: streams, the times of the frames, colours, rotation, chapters.

    \b
      genkit probe clip.mp4
      genkit probe clip.mp4 --json
    """
    from genkit.errors import GenkitError
    from genkit.media.film import facts, names
    from genkit.run.report import write_event

    failed = 0
    for path in paths:
        try:
            film = facts.probe(path)
            timed = film.kind != names.FRAMES and not names.is_animation(film.kind)
            told = told_of(film, facts.times_of(path) if timed else None)
        except GenkitError as error:
            failed += 1
            if json:
                write_event(
                    "failed",
                    input=str(path),
                    output="",
                    megapixels=0.0,
                    code=error.code,
                    message=error.message,
                    hint=error.hint,
                )
            else:
                typer.echo(f"failed: {error.message}" + (f"\n  hint: {error.hint}" if error.hint else ""), err=True)
            continue
        if json:
            write_event("film", **told)
        else:
            typer.echo(_text(film, told))
    if json:
        write_event("done", done=len(paths) - failed, failed=failed, skipped=0, exit=int(failed > 0))
    return int(failed > 0)


def told_of(film: FilmFacts, times: Any) -> dict[str, Any]:
    """A film's facts as data."""
    video = film.video
    told: dict[str, Any] = {
        "input": str(film.path),
        "kind": film.kind,
        "container": film.container,
        "duration_s": film.duration_s,
        "start_s": film.start_s,
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "pix_fmt": video.pix_fmt,
        "bits": video.bits,
        "alpha": video.alpha,
        "rotation": video.rotation,
        "sample_aspect": str(video.sample_aspect),
        "fields": video.fields,
        "hdr": video.colour.hdr,
        "colour": video.colour.words(),
        "rate": str(video.rate),
        "time_base": str(video.time_base),
        "frames": len(times.shown) if times else video.frames,
        "streams": [
            {"index": one.index, "kind": one.kind, "codec": one.codec, "language": one.language, **one.details}
            for one in film.streams
        ],
        "chapters": film.chapters,
    }
    if times is not None and times.shown:
        gaps = times.gaps
        told |= {"first_s": float(times.shown[0] * times.time_base), "last_s": float(times.shown[-1] * times.time_base)}
        told["gaps_s"] = [round(float(gap * times.time_base), 6) for gap in (min(gaps), max(gaps))] if gaps else None
        told["variable"] = bool(gaps) and max(gaps) - min(gaps) > 1  # a unit is rounding
    return told


def _text(film: FilmFacts, told: dict[str, Any]) -> str:
    video = film.video
    length = f"{film.duration_s:.3f} s" if film.duration_s else "length not said"
    rows = [("film", f"{film.kind} ({film.container}), {length}, {told['frames']} frames, begins at {film.start_s or 0:g} s")]
    deep = f", {video.bits} bits" + (", transparency" if video.alpha else "")
    rows.append(("pictures", f"{video.codec} {video.pix_fmt}{deep}, {video.width} x {video.height}"))
    shape = [f"shown turned by {video.rotation} degrees"] if video.rotation else []
    shape += [f"pixels {video.sample_aspect} as wide as high"] if video.sample_aspect != 1 else []
    shape += [f"interlaced, {video.fields}"] if video.fields else []
    rows += [("", one) for one in shape]
    if told.get("gaps_s"):
        kind = "variable, a frame for" if told["variable"] else "a frame for"
        low, high = told["gaps_s"]
        rows.append(("times", f"{kind} {low:g}{f' to {high:g}' if told['variable'] else ''} s, counted in {video.time_base} s"))
    words = ", ".join(f"{key} {value}" for key, value in video.colour.words().items())
    rows.append(("colour", (f"HDR ({video.colour.hdr}): " if video.colour.hdr else "") + (words or "says nothing")))
    rows += [("stream", _stream(one)) for one in film.streams]
    rows += [("chapters", str(film.chapters))] if film.chapters else []
    return "\n".join([str(film.path), *(f"  {name:8}  {_printable(value)}" for name, value in rows)])


def _stream(one: StreamFacts) -> str:
    details = ", ".join(f"{key} {value}" for key, value in one.details.items() if value)
    return (
        f"{one.index}: {one.kind} {one.codec}{f' ({one.language})' if one.language else ''}{f', {details}' if details else ''}"
    )


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
