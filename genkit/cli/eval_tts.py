"""`genkit eval tts`: see `genkit.evaluate.tts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from genkit.cli.measuring import Columns, Device, Json, MeasureOption, Model, load_methods, notify, print_rows, progress


def tts(
    text: Annotated[
        Path | None, MeasureOption("--text", metavar="FILE", help="File of sentences, one a line, or id|text.")
    ] = None,
    data: Annotated[
        Path | None, MeasureOption("--data", metavar="PATH", help="Recordings with metadata.csv, in place of --text.")
    ] = None,
    names: Annotated[
        Path | None, MeasureOption("--names", metavar="FILE", help="Text file with the recordings to take.", show_default="all")
    ] = None,
    model: Model = None,
    against: Annotated[
        list[Path] | None,
        MeasureOption(
            "--against",
            metavar="DIR",
            help="Folder of sounds that another program made of the same texts, by id or line: 0001.wav; again for each.",
        ),
    ] = None,
    recogniser: Annotated[
        list[str] | None,
        MeasureOption(
            "--recogniser",
            metavar="NAME|PATH",
            help="wav2vec2 or Whisper of transformers, from its cache or a folder.",
            show_default="one that is in the cache",
        ),
    ] = None,
    keep: Annotated[Path | None, MeasureOption("--keep", metavar="DIR", help="Folder to write the sounds into.")] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """How many words of a voice a recogniser takes for others, how far it sounds from recordings, and how fast it is; the
    recordings beside.

    Needs PocketSphinx: pip install 'genkit-media[speech]'.
    """
    from genkit import runtime
    from genkit.errors import UsageError
    from genkit.evaluate import tts as measure
    from genkit.evaluate.recognising import pocketsphinx, whisper
    from genkit.evaluate.speech_quality import distill_mos
    from genkit.models.tts.recognisers import cached, load_recogniser

    if (text is None) == (data is None):
        raise UsageError("give --text or --data", "genkit eval tts --text sentences.txt")
    lines = measure.read_lines(text, data, names)
    others = {str(folder): measure.of_folder(folder, lines) for folder in against or ()}
    place, _ = runtime.as_torch(runtime.choose(device, "auto", ("float32",)).device, "float32")
    recognisers = {"pocketsphinx": pocketsphinx(), **whisper(notify)}
    chosen = cached() if recogniser is None else recogniser
    recognisers |= {Path(name).name: load_recogniser(name, place) for name in chosen}
    voices = load_methods("tts", model, device, measure.of_voice)

    def write(method: str, name: str, audio: Any, rate: int) -> None:
        if keep is not None:
            import torch

            from genkit.train.tts.sheets import write_samples

            write_samples(keep, name, rate, **{Path(method).name: torch.from_numpy(audio)})

    quality = distill_mos(notify)
    rows = measure.evaluate(lines, voices, recognisers, others=others, quality=quality, report=progress, keep=write)
    several = len(recognisers) > 1
    columns: Columns = {"words": ("words", "d")}
    columns |= {name: (f"word errors ({name})" if several else "word errors", ".3f") for name in recognisers}
    columns |= {"mos": ("MOS", ".2f"), "mcd": ("MCD dB", ".2f"), "real_time": ("real time", ".3f")}
    rows = [{"pictures": len(lines), **row} for row in rows]
    print_rows(rows, columns, measure.protocol(len(lines), list(recognisers), quality is not None), json)
