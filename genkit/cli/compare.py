"""`genkit compare`: look at pictures of the same thing together."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="A B [C]...", help="Pictures, or folders.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            show_default=False,
            help="A page (html), a strip (png, jpg, webp) or an animation (gif).",
        ),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it when it is made.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line: the scores of each pair.")] = False,
) -> int:
    """Compare pictures, or frames of films, with the first of them: a page with a slider, side by side, differences, PSNR and
    SSIM, that needs nothing but itself. Folders are paired by names.

    \b
      genkit compare photo.jpg photo_x4.jpg -o page.html
      genkit compare album coloured restored -o page.html
      genkit compare a.png b.png -o flicker.gif
      genkit compare clip.mp4 clip_x4.mp4 -o page.html
    """
    import tempfile

    from genkit.view import comparing, shots
    from genkit.view.targets import check_target

    kind = check_target(output, "-o", ("html", "gif"), overwrite=overwrite)
    write = {"html": comparing.write_page, "gif": comparing.write_animation, "picture": comparing.write_strip}[kind]
    with tempfile.TemporaryDirectory() as folder:
        if len(paths) > 1 and shots.are_films(paths):
            groups = shots.side_by_side(paths, Path(folder))
        else:
            groups = comparing.groups_of(paths, lambda note: print(f"note: {note}", file=sys.stderr))
        write(groups, output)
        if json:
            _tell(groups, output)
        else:
            print(output)
    if show:
        from genkit.cli.opening import open_results

        open_results([output])
    return 0


def _tell(groups: list[tuple[str, list[Path]]], output: Path) -> None:
    from genkit.media.pictures import images
    from genkit.run.report import write_event
    from genkit.view.comparing import scores_of

    for _, files in groups:
        first = images.read(files[0])
        for path in files[1:]:
            scores = scores_of(first, images.read(path))
            numbers = {
                name: value if abs(value) < 1e9 else None for name, value in (("psnr", scores.psnr), ("ssim", scores.ssim))
            }
            write_event(
                "compared",
                first=str(files[0]),
                other=str(path),
                equal=scores.psnr == float("inf"),
                resized=scores.resized,
                **numbers,
            )
    write_event("done", done=len(groups), failed=0, skipped=0, files=[str(output)], exit=0)
