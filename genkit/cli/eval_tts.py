"""`genkit eval tts`: see `genkit.evaluate.tts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.measuring import PANEL, Device, Json, Model, load_methods, progress, tell


def tts(
    text: Annotated[
        Path | None,
        typer.Option("--text", help="File of sentences, one a line, or id|text.", rich_help_panel=PANEL),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Recordings with metadata.csv, in place of --text.", rich_help_panel=PANEL),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option("--names", help="Text file with the recordings to take. Default: all.", rich_help_panel=PANEL),
    ] = None,
    model: Model = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            help="Folder of sounds that another program made of the same texts, named by id or line: 0001.wav. Again for each.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    recogniser: Annotated[
        list[str] | None,
        typer.Option(
            "--recogniser",
            metavar="NAME|PATH",
            help="wav2vec2 or Whisper of transformers, from its cache or a folder. Default: one that is in the cache.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="Folder to write the sounds into.", rich_help_panel=PANEL)] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Word error rate of voices, and with recordings theirs beside it and the distance from them; speed."""
    from genkit import runtime
    from genkit.cards import default_model
    from genkit.errors import UsageError
    from genkit.evaluate import tts as measure
    from genkit.evaluate.recognising import pocketsphinx
    from genkit.models.tts.recognisers import cached, load_recogniser

    if (text is None) == (data is None):
        raise UsageError("give --text or --data", "genkit eval tts --text sentences.txt")
    lines = measure.read_lines(text, data, names)
    others = {str(folder): measure.of_folder(folder, lines) for folder in against or ()}
    place = runtime.choose(device, "auto", ("float32",)).device
    recognisers = {"pocketsphinx": pocketsphinx()}
    recognisers |= {Path(one).name: load_recogniser(one, place) for one in (cached() if recogniser is None else recogniser)}
    chosen = model or ([default_model("tts")] if data is None and not others else [])
    voices = load_methods("tts", chosen, device, measure.of_voice) if chosen else {}

    def write(who: str, name: str, audio: Any, rate: int) -> None:
        if keep is not None:
            import torch

            from genkit.train.tts.sheets import write_samples

            write_samples(keep, name, rate, **{Path(who).name: torch.from_numpy(audio)})

    rows = measure.evaluate(lines, voices, recognisers, others=others, report=progress, keep=write)
    several = len(recognisers) > 1
    columns = {"words": ("words", "d")}
    columns |= {one: (f"word errors ({one})" if several else "word errors", ".3f") for one in recognisers}
    columns |= {"mcd": ("MCD dB", ".2f"), "real_time": ("real time", ".3f")}
    tell([{"pictures": len(lines), **row} for row in rows], columns, measure.protocol(len(lines), list(recognisers)), json)
