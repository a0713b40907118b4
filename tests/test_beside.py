"""Gain maps, depth, further pictures and films that a file holds beside its picture are dropped, and that is said once each."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from genkit.media.pictures import images
from genkit.media.pictures.beside import DEPTH, FILM, GAIN_MAP, MATTES, of_items
from genkit.media.pictures.containers import Items, jpeg_segment

XMP = b"http://ns.adobe.com/xap/1.0/\0"
RDF = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='r'><rdf:Description {}/></rdf:RDF></x:xmpmeta>"
HDRGM = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
CONTAINER = 'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" Item:Semantic="{}"'
CAMERA = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:{}="{}"'
PLAIN, THUMBNAIL, DISPARITY, ANGLE = 0, 0x010001, 0x020002, 0x020003


def plain(*segments: bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)).save(stream, "JPEG")
    data = stream.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def packet(attributes: str) -> bytes:
    return jpeg_segment(0xE1, XMP + RDF.format(attributes).encode())


def several(*kinds: int, first: tuple[bytes, ...] = (), further: tuple[bytes, ...] = (), order: str = "<") -> bytes:
    """A JPEG with a multi-picture directory: the first picture and one for each kind."""

    def directory(sizes: list[int], places: list[int]) -> bytes:
        entries = b"".join(
            struct.pack(order + "IIIHH", kind, size, place, 0, 0)
            for kind, size, place in zip((0x030000, *kinds), sizes, places, strict=True)
        )
        head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
        rows = struct.pack(order + "HHII", 0xB001, 4, 1, len(sizes))
        rows += struct.pack(order + "HHII", 0xB002, 7, len(entries), 8 + 2 + 24 + 4)
        return jpeg_segment(0xE2, b"MPF\0" + head + struct.pack(order + "H", 2) + rows + bytes(4) + entries)

    count = 1 + len(kinds)
    whole = plain(*first, directory([0] * count, [0] * count))
    start = whole.index(b"MPF\0") + 4
    others = [plain(*further) for _ in kinds]
    places, at = [0], len(whole) - start
    for other in others:
        places.append(at)
        at += len(other)
    return plain(*first, directory([len(whole), *map(len, others)], places)) + b"".join(others)


CASES: dict[str, tuple[bytes, list[str]]] = {
    "one picture": (plain(), []),
    "Ultra HDR": (several(PLAIN, first=(packet(HDRGM),), further=(packet(HDRGM),)), [GAIN_MAP]),
    "a gain map in the container": (several(PLAIN, first=(packet(CONTAINER.format("GainMap")),)), [GAIN_MAP]),
    "ISO 21496": (plain(jpeg_segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))), [GAIN_MAP]),
    "a phone's gain map": (
        several(PLAIN, further=(packet("a:AuxiliaryImageType='urn:com:apple:photo:2020:aux:hdrgainmap'"),)),
        [GAIN_MAP],
    ),
    "a pair for both eyes": (several(DISPARITY), ["the file holds 2 pictures: the first is taken"]),
    "four angles": (several(ANGLE, ANGLE, ANGLE), ["the file holds 4 pictures: the first is taken"]),
    "four angles, big-endian": (several(ANGLE, ANGLE, ANGLE, order=">"), ["the file holds 4 pictures: the first is taken"]),
    "a camera's preview": (several(THUMBNAIL), []),
    "a preview and another": (several(THUMBNAIL, PLAIN), ["the file holds 2 pictures: the first is taken"]),
    "a motion photo": (plain(packet(CAMERA.format("MotionPhoto", 1))), [FILM]),
    "an older motion photo": (plain(packet(CAMERA.format("MicroVideo", 1))), [FILM]),
    "no motion photo": (plain(packet(CAMERA.format("MotionPhoto", 0))), []),
    "a depth map": (plain(packet("xmlns:D='http://ns.google.com/photos/1.0/depthmap/' D:Format='RangeLinear'")), [DEPTH]),
    "all of them": (
        several(
            PLAIN,
            first=(packet(f"{HDRGM} {CAMERA.format('MotionPhoto', 1)} {CONTAINER.format('Depth')}"),),
            further=(packet(HDRGM),),
        ),
        sorted([GAIN_MAP, FILM, DEPTH]),
    ),
    "a directory that is damaged": (plain(jpeg_segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff")), []),
    "a directory that leads nowhere": (several(PLAIN)[:-300], ["the file holds 2 pictures: the first is taken"]),
    "a directory of nothing": (plain(jpeg_segment(0xE2, b"MPF\0")), []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_lies_beside_the_picture_is_said(name: str) -> None:
    data, notices = CASES[name]
    picture = images.read(data)
    assert sorted(picture.metadata.notices) == notices
    assert (picture.width, picture.height) == (16, 16)


@pytest.mark.parametrize(
    ("auxiliaries", "kinds", "notices"),
    [
        ([], {1: b"hvc1"}, []),
        (["urn:com:apple:photo:2020:aux:hdrgainmap"], {1: b"hvc1"}, [GAIN_MAP]),
        ([], {1: b"av01", 2: b"tmap"}, [GAIN_MAP]),
        (["urn:mpeg:hevc:2015:auxid:2"], {1: b"hvc1"}, [DEPTH]),
        (["urn:mpeg:mpegB:cicp:systems:auxiliary:depth"], {1: b"av01"}, [DEPTH]),
        (
            ["urn:com:apple:photo:2018:aux:portraiteffectsmatte"],
            {1: b"hvc1"},
            [MATTES],
        ),
    ],
)
def test_auxiliary_pictures_of_avif_and_heif_are_said(
    auxiliaries: list[str], kinds: dict[int, bytes], notices: list[str]
) -> None:
    assert list(of_items(Items(kinds, {}, auxiliaries=auxiliaries))) == notices
