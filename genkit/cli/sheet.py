"""`genkit sheet`: many outputs at a glance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def sheet(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders, files.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", show_default=False, help="A page (html) or a picture (png, jpg, webp)."),
    ],
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Go into sub-folders.")] = False,
    columns: Annotated[
        int | None,
        typer.Option("--columns", metavar="N", min=1, max=100, show_default="about as many as rows", help="Of a picture."),
    ] = None,
    side: Annotated[
        int, typer.Option("--side", metavar="N", min=32, max=4096, help="Pixels of a picture's longer side.")
    ] = 320,
    shots: Annotated[int, typer.Option("--shots", metavar="N", min=1, max=200, help="Frames of each film.")] = 12,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it when it is made.")] = False,
) -> int:
    """Lay pictures out with what made each of them; a page can be filtered by model and options. Of a film that is named frames
    are laid out, evenly spread, with their times.

    \b
      genkit sheet out -o sheet.html
      genkit sheet clip.mp4 -o sheet.png --shots 24
      genkit sheet out -r -o sheet.png --columns 6
    """
    import tempfile

    from genkit.view import sheets
    from genkit.view import shots as films
    from genkit.view.targets import check_target

    def note(text: str) -> None:
        print(f"note: {text}", file=sys.stderr)

    kind = check_target(output, "-o", ("html",), overwrite=overwrite)
    moving = [path for path in paths if films.are_films([path])]
    still = [path for path in paths if path not in moving]
    with tempfile.TemporaryDirectory() as folder:
        found = sheets.find_pictures(still, recursive=recursive, notice=note) if still else []
        found = [path for path in found if not (output.exists() and path.samefile(output))]
        for path in moving:
            found += films.shots_of(path, Path(folder), shots)
        if kind == "html":
            sheets.write_page(found, output, note)
        else:
            sheets.write_picture(found, output, note, columns=columns, side=side)
    print(output)
    if show:
        from genkit.cli.opening import open_results

        open_results([output])
    return 0
