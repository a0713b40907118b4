"""Make the sample inputs from scikit-image's public-domain pictures, and the README's before-and-after pictures with genkit.

`python samples/make.py inputs` needs scikit-image; `python samples/make.py pictures` runs the installed `genkit`.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import paint
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).resolve().parent
CLEAN, WEB, GREY, HOLES = HERE / "upscale", HERE / "web", HERE / "colorize", HERE / "inpaint"
PICTURES = HERE.parent / "docs" / "pictures"
PHOTOS, STYLES, DRAWINGS, PROMPTS = HERE / "photos", HERE / "styles", HERE / "drawings", HERE / "prompts"


def inputs() -> None:
    """Everything from what scikit-image carries."""
    to_enlarge()
    to_colour()
    to_fill()
    to_style()


def to_style() -> None:
    """Photographs in colour, for style and translate, two styles to give them, and drawings to make photographs of."""
    from skimage import data

    for folder in (PHOTOS, STYLES, DRAWINGS):
        folder.mkdir(exist_ok=True)
    for name, array in (("astronaut", data.astronaut()), ("chelsea", data.chelsea()), ("coffee", data.coffee())):
        reduced(array, 400).save(PHOTOS / f"{name}.jpg", quality=92)
    paint.swirls().save(STYLES / "swirls.jpg", quality=92)
    paint.panes().save(STYLES / "panes.jpg", quality=92)
    for name, drawing in paint.drawings().items():
        drawing.save(DRAWINGS / f"{name}.png", optimize=True)


def reduced(array: np.ndarray, width: int) -> Image.Image:
    picture = Image.fromarray(array)
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.BICUBIC)


def to_colour() -> None:
    """A photograph that has always been grey, and three that had colours."""
    from skimage import data

    GREY.mkdir(exist_ok=True)
    for name, array in (
        ("camera", data.camera()),
        ("astronaut", data.astronaut()),
        ("coffee", data.coffee()),
        ("chelsea", data.chelsea()),
    ):
        reduced(array, 320).convert("L").save(GREY / f"{name}.jpg", quality=92)


def to_fill() -> None:
    """Pictures and, in `masks/`, what to repaint in them: strokes as of a pen, and a thing to take away."""
    from skimage import data

    (HOLES / "masks").mkdir(parents=True, exist_ok=True)
    for name, array in (("chelsea", data.chelsea()), ("coffee", data.coffee())):
        picture = reduced(array, 320)
        picture.save(HOLES / f"{name}.png", optimize=True)
        mask = Image.new("L", picture.size)
        pen = ImageDraw.Draw(mask)
        if name == "chelsea":
            for line in ([(15, 40), (120, 70), (180, 30), (300, 60)], [(30, 180), (90, 120), (150, 190), (290, 150)]):
                pen.line(line, fill=255, width=4, joint="curve")
        else:
            pen.ellipse((166, 116, 222, 180), fill=255)
        mask.save(HOLES / "masks" / f"{name}.png", optimize=True)


def to_enlarge() -> None:
    """Reduce the originals so that enlarging them has something to do; make the web ones blurred, noisy and compressed."""
    from skimage import data

    CLEAN.mkdir(exist_ok=True)
    WEB.mkdir(exist_ok=True)
    reduced(data.chelsea(), 226).save(CLEAN / "chelsea.jpg", quality=95, subsampling=0)
    reduced(data.coffee(), 240).save(CLEAN / "coffee.png", optimize=True)
    reduced(data.astronaut(), 192).save(CLEAN / "astronaut.webp", quality=95)
    reduced(data.brick(), 128).save(CLEAN / "bricks-grey.png", optimize=True)
    rng = np.random.default_rng(0)
    for name, array, width in (("rocket", data.rocket(), 240), ("coffee", data.coffee(), 220)):
        small = np.asarray(reduced(array, width).filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float64)
        noisy = np.clip(small + rng.normal(0, 5, small.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(WEB / f"{name}.jpg", quality=40)


def pictures() -> None:
    """Before and after, side by side, from the samples."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        _genkit("upscale", CLEAN / "chelsea.jpg", "-o", out / "clean/")
        _genkit("upscale", WEB / "coffee.jpg", "--model", "genkit-x4-photo", "-o", out / "web/")
        _genkit("colorize", GREY, "-o", out / "colour/")
        _genkit("inpaint", HOLES, "--mask", HOLES / "masks", "-o", out / "filled/")
        names = ("astronaut.jpg", "coffee.jpg", "chelsea.jpg")
        _beside([(GREY / name, out / "colour" / name) for name in names], PICTURES / "colorize.jpg")
        holes = [
            (_with_mask(HOLES / name, HOLES / "masks" / name), out / "filled" / name) for name in ("chelsea.png", "coffee.png")
        ]
        _beside(holes, PICTURES / "inpaint.jpg")
        _taken_away(out)
        _styled(out)
        _translated(out)
        _drawn(out)
        _worded(out)
        _spoken(out)
        _compare(CLEAN / "chelsea.jpg", out / "clean" / "chelsea.jpg", (60, 20, 110, 75), PICTURES / "upscale-clean.jpg")
        _compare(WEB / "coffee.jpg", out / "web" / "coffee.jpg", (75, 25, 135, 90), PICTURES / "upscale-web.jpg")


# what stands in scikit-image's pictures, and is taken away at full size: well, and badly
THINGS = {
    "grass": [(170, 150), (255, 130), (340, 230), (330, 330), (230, 360), (165, 270)],
    "rocket": [(300, 115), (345, 115), (360, 408), (360, 422), (285, 422), (285, 408)],
    "astronaut": [(345, 0), (500, 0), (490, 280), (400, 330), (345, 300), (322, 180)],
    "brick": [(150, 180), (240, 130), (330, 190), (330, 280), (250, 330), (160, 290)],
}
NONSENSE = {
    "stereo_motorcycle": [(300, 340), (360, 260), (470, 255), (520, 340), (470, 425), (350, 425)],
    "chelsea": [(150, 60), (330, 60), (330, 220), (150, 220)],
}


def _taken_away(out: Path) -> None:
    """Things under a mask above, the pictures without them below."""
    from skimage import data

    for things, target in ((THINGS, "inpaint-things.jpg"), (NONSENSE, "inpaint-nonsense.jpg")):
        pairs = []
        for name, corners in things.items():
            found = getattr(data, name)()
            picture = Image.fromarray(found[0] if isinstance(found, tuple) else found).convert("RGB")
            mask = Image.new("L", picture.size)
            ImageDraw.Draw(mask).polygon(corners, fill=255)
            shown, hole = out / f"{name}.png", out / f"{name}-mask.png"
            picture.save(shown)
            mask.save(hole)
            _genkit("inpaint", shown, "--mask", hole, "-o", out / "taken/")
            pairs.append((_with_mask(shown, hole), out / "taken" / shown.name))
        _beside(pairs, PICTURES / target)


def _styled(out: Path) -> None:
    """A row for each style: the style, and photographs in it."""
    rows = []
    for style in sorted(STYLES.iterdir()):
        _genkit("style", PHOTOS, "--style", style, "-o", out / style.stem)
        rows.append([style, *(out / style.stem / name for name in ("chelsea.jpg", "coffee.jpg"))])
    _table(rows, PICTURES / "style.jpg")


def _translated(out: Path) -> None:
    """Photographs above their drawings; drawings of clothes above what came of them, and those in another colour."""
    _genkit("translate", PHOTOS, "-o", out / "drawn/")
    _genkit("translate", DRAWINGS, "--model", "genkit-edges2clothes", "--to", "red", "-o", out / "clothes/")
    _genkit("translate", out / "clothes", "--model", "genkit-recolor", "--to", "blue", "--again", "-o", out / "blue/")
    photos, clothes = ("chelsea.jpg", "coffee.jpg", "astronaut.jpg"), [path.name for path in sorted(DRAWINGS.iterdir())]
    _table([[folder / name for name in photos] for folder in (PHOTOS, out / "drawn")], PICTURES / "translate.jpg")
    made = [[folder / name for name in clothes] for folder in (DRAWINGS, out / "clothes", out / "blue")]
    _table(made, PICTURES / "clothes.jpg", height=160)


def _drawn(out: Path) -> None:
    """The pictures of the first seeds: photographs as JPEG, pixel art twice as large as PNG, on white."""
    _genkit("gan", "--grid", "14x4", "-o", out / "clothes.png")
    Image.open(out / "clothes.png").convert("RGB").save(PICTURES / "gan-clothes.jpg", "JPEG", quality=88)
    _genkit("gan", "--model", "genkit-tiles", "--grid", "14x4", "-o", out / "tiles.png")
    tiles = Image.open(out / "tiles.png").convert("RGBA")
    sheet = Image.new("RGBA", tiles.size, "white")
    sheet.alpha_composite(tiles)
    sheet.convert("RGB").resize((2 * tiles.width, 2 * tiles.height), Image.Resampling.NEAREST).save(PICTURES / "gan-tiles.png")


def _worded(out: Path) -> None:
    """What was drawn from words, on white: 16 columns, in the order of the list."""
    _genkit("txt2img", "--from", PROMPTS / "icons.txt", "--seed", "1", "--name", "{index:03}", "-o", out / "words/")
    icons = [Image.open(path).convert("RGBA") for path in sorted((out / "words").glob("*.png"))]
    side, columns = icons[0].width, 16
    sheet = Image.new("RGBA", (columns * side, -(-len(icons) // columns) * side), "white")
    for place, icon in enumerate(icons):
        sheet.alpha_composite(icon, (place % columns * side, place // columns * side))
    sheet.convert("RGB").save(PICTURES / "txt2img.png", optimize=True)


def _spoken(out: Path) -> None:
    """The plot of one sentence."""
    words = (HERE / "speech" / "sentences.txt").read_text(encoding="utf-8").splitlines()[3]
    _genkit("tts", words, "--plot", "-o", out / "spoken.wav")
    shutil.copyfile(out / "spoken.png", PICTURES / "tts.png")


def _table(rows: Sequence[Sequence[Path]], target: Path, height: int = 220) -> None:
    """Rows of pictures, each of this height in pixels."""
    cells = [[Image.open(path).convert("RGB") for path in row] for row in rows]
    cells = [
        [one.resize((round(one.width * height / one.height), height), Image.Resampling.LANCZOS) for one in row] for row in cells
    ]
    wide = max(sum(one.width + 8 for one in row) - 8 for row in cells)
    sheet = Image.new("RGB", (wide, len(cells) * (height + 8) - 8), "white")
    for place, row in enumerate(cells):
        left = 0
        for one in row:
            sheet.paste(one, (left, place * (height + 8)))
            left += one.width + 8
    sheet.save(target, "JPEG", quality=88)


def _genkit(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "genkit", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def _compare(before: Path, after: Path, box: tuple[int, int, int, int], target: Path) -> None:
    """The same detail: the input's pixels enlarged as they are, a bicubic enlargement, and genkit's."""
    small, large = Image.open(before).convert("RGB"), Image.open(after).convert("RGB")
    scale = large.width // small.width
    detail = small.crop(box)
    size = (detail.width * scale, detail.height * scale)
    panels = [
        detail.resize(size, Image.Resampling.NEAREST),
        detail.resize(size, Image.Resampling.BICUBIC),
        large.crop(tuple(edge * scale for edge in box)),  # type: ignore[arg-type]
    ]
    labels = ("input", "bicubic", "genkit")
    sheet = Image.new("RGB", (sum(panel.width for panel in panels) + 20, size[1] + 24), "white")
    draw, left = ImageDraw.Draw(sheet), 0
    for panel, label in zip(panels, labels, strict=True):
        draw.text((left + 4, 6), label, fill="black")
        sheet.paste(panel, (left, 24))
        left += panel.width + 10
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    target.write_bytes(buffer.getvalue())


def _with_mask(picture: Path, mask: Path) -> Image.Image:
    """The picture with what is to be repainted in magenta."""
    shown = Image.open(picture).convert("RGB")
    return Image.composite(Image.new("RGB", shown.size, (255, 0, 255)), shown, Image.open(mask))


def _beside(pairs: Sequence[tuple[Path | Image.Image, Path]], target: Path) -> None:
    """Before above, after below, 240 pixels high each."""
    columns = []
    for before, after in pairs:
        both = [one if isinstance(one, Image.Image) else Image.open(one).convert("RGB") for one in (before, after)]
        columns.append([one.resize((round(one.width * 240 / one.height), 240), Image.Resampling.LANCZOS) for one in both])
    sheet = Image.new("RGB", (sum(column[0].width + 8 for column in columns) - 8, 488), "white")
    left = 0
    for above, below in columns:
        sheet.paste(above, (left, 0))
        sheet.paste(below, (left, 248))
        left += above.width + 8
    sheet.save(target, "JPEG", quality=88)


if __name__ == "__main__":
    jobs = {"inputs": inputs, "pictures": pictures}
    jobs[sys.argv[1]]()
