"""How `inputs/` was drawn. Run once: recipes hold the hash of every input, so the files themselves are what is kept."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

HERE = Path(__file__).with_name("inputs")


def picture(name: str, width: int, height: int, seed: int, mode: str = "RGB", **options: object) -> None:
    """Soft blotches, and an edge across them."""
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    ImageDraw.Draw(rough).line((0, height // 3, width, height // 2), fill=(20, 30, 60), width=2)
    image = rough.convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.where(np.indices((height, width)).sum(0) % 23 < 7, 0, 255).astype(np.uint8)))
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def box(name: str, size: tuple[int, int], inside: tuple[int, int, int, int], colour: object, ground: object, mode: str) -> None:
    image = Image.new(mode, size, ground)
    ImageDraw.Draw(image).rectangle(inside, fill=colour)
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def text(name: str, content: str) -> None:
    (HERE / name).write_text(content, encoding="utf-8")


def main() -> None:
    picture("photo.png", 24, 18, 1)
    picture("photo.jpg", 24, 18, 2, quality=90)
    picture("grey.png", 20, 16, 3, "L")
    picture("clear.png", 20, 16, 4, "RGBA")
    picture("plain.bmp", 16, 12, 5)
    picture("web.webp", 20, 16, 6, quality=80)
    picture("tree/one.png", 16, 12, 7)
    picture("tree/inner/two.jpg", 16, 12, 8, quality=85)
    picture("tree/inner/three.webp", 16, 12, 9, quality=85)
    picture("pair/a.png", 24, 18, 10)
    picture("pair/b.png", 24, 18, 11)
    picture("slide.png", 24, 24, 12)
    picture("style-a.jpg", 32, 32, 13, quality=85)
    picture("style-b.png", 32, 32, 14)
    picture("shirt.png", 32, 32, 15)
    box("mask.png", (24, 18), (8, 5, 14, 11), 255, 0, "L")
    box("masks/a.png", (24, 18), (2, 2, 7, 7), 255, 0, "L")
    box("masks/b.png", (24, 18), (12, 6, 18, 12), 255, 0, "L")
    box("hint.png", (24, 18), (4, 4, 8, 8), (200, 40, 40, 255), (0, 0, 0, 0), "RGBA")
    box("hints/a.png", (24, 18), (4, 4, 8, 8), (40, 40, 200, 255), (0, 0, 0, 0), "RGBA")
    box("map.png", (24, 18), (0, 0, 23, 8), (255, 0, 0), (0, 0, 255), "RGB")
    box("maps/a.png", (24, 18), (0, 0, 11, 17), (255, 0, 0), (0, 0, 255), "RGB")
    box("maps/b.png", (24, 18), (0, 9, 23, 17), (255, 0, 0), (0, 0, 255), "RGB")
    box("style-map.png", (32, 32), (0, 0, 31, 15), (255, 0, 0), (0, 0, 255), "RGB")
    text("list.txt", "photo.png\npair/a.png\n")
    text("prompts.txt", "# two lines\na red heart --steps 2\na blue fish --seed 5 --guidance 2\n")
    text("prompts.csv", "prompt,seed,steps\na red heart,3,2\npizza,,\n")
    text("prompts.jsonl", '{"prompt": "a cat", "seeds": "1-2"}\n{"prompt": "a dog", "guidance": [2, 4]}\n')
    text("lines.txt", "Hello there.\n\nIt is 5 o'clock.\n")
    text("book.md", "# One\n\nA first word.\n\n# Two\n\nAnd a second.\n")
    text("rows.csv", "id,text\nfirst,Good morning.\nsecond,Good night.\n")
    text("talk.jsonl", '{"id": "hello", "text": "Hello you."}\n{"text": "Take care."}\n')
    text("titles.srt", "1\n00:00:00,500 --> 00:00:02,000\nGood day.\n\n2\n00:00:02,500 --> 00:00:04,000\nBye.\n")
    text("page.ssml", '<speak>One <break time="200ms"/> <prosody rate="90%">two</prosody>.</speak>\n')
    text("words.lex", "genkit  JH EH1 N K IH2 T\n")
    text("notes.txt", "This is no picture.\n")
    (HERE / "broken.png").write_bytes((HERE / "photo.png").read_bytes()[:80])
    with zipfile.ZipFile(HERE / "book.epub", "w") as book:
        book.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip")
        rootfile = '<rootfile full-path="c.opf" media-type="application/oebps-package+xml"/>'
        names = 'xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"'
        book.writestr(
            zipfile.ZipInfo("META-INF/container.xml"), f"<container {names}><rootfiles>{rootfile}</rootfiles></container>"
        )
        items = "".join(f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in (1, 2))
        spine = '<spine><itemref idref="c1"/><itemref idref="c2"/></spine>'
        book.writestr(
            zipfile.ZipInfo("c.opf"),
            f'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>{items}</manifest>{spine}</package>',
        )
        for n, words in ((1, "A short chapter."), (2, "The end.")):
            page = f"<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>Part {n}</h1><p>{words}</p></body></html>"
            book.writestr(zipfile.ZipInfo(f"c{n}.xhtml"), page)


if __name__ == "__main__":
    main()
