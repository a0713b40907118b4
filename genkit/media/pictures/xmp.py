"""XMP packets, mended by text (standard library only): no XML parser ever sees a packet that a stranger wrote.

A property may stand as an attribute (`tiff:Orientation="6"`) or as an element (`<tiff:Orientation>6</tiff:Orientation>`),
under whatever prefix the packet binds to the namespace. Specification: ISO 16684-1.
"""

from __future__ import annotations

import re

TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
XMP = "http://ns.adobe.com/xap/1.0/"
NOTE = "http://ns.adobe.com/xmp/note/"
GAIN_MAP = "http://ns.adobe.com/hdr-gain-map/1.0/"
CAMERA = "http://ns.google.com/photos/1.0/camera/"
GENKIT = "https://ns.genkit.dev/recipe/1.0/"
MOST_PREFIXES = 4  # of one namespace
# what points at parts of the old file that are not carried along: thumbnails, the continuation of a long packet, the gain
# map of an Ultra HDR picture, the film in a motion photo
_STALE = (
    (XMP, "Thumbnails"),
    (NOTE, "HasExtendedXMP"),
    ("http://ns.google.com/photos/1.0/container/", "Directory"),
    (GAIN_MAP, "Version"),
    (CAMERA, "MotionPhoto"),
    (CAMERA, "MicroVideo"),
)
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)


class BrokenXmp(ValueError):
    """The packet is no readable XMP."""


def decode(packet: bytes) -> str:
    """Read a packet's text.

    Raises:
        BrokenXmp: it is no XMP, or it defines entities or prefixes as only attacks do.
    """
    packet = packet.rstrip(b"\0")
    try:
        text = packet.decode("utf-16" if packet[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError as error:
        raise BrokenXmp("its text is damaged") from error
    if "RDF" not in text or "</" not in text:
        raise BrokenXmp("it is cut short or no XMP")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BrokenXmp("it defines entities")
    if any(len(prefixes(text, namespace)) > MOST_PREFIXES for namespace in (TIFF, EXIF, GENKIT, *dict(_STALE))):
        raise BrokenXmp("it has one namespace under many names")
    return text


def prefixes(text: str, namespace: str) -> list[str]:
    """List the prefixes that the packet binds to a namespace."""
    return sorted(set(re.findall(rf'xmlns:([\w.-]+)\s*=\s*["\']{re.escape(namespace)}["\']', text)))


def get_property(text: str, namespace: str, name: str) -> str | None:
    """Read a simple property, unescaped, or None."""
    for prefix in prefixes(text, namespace):
        key = re.escape(f"{prefix}:{name}")
        match = re.search(rf'\s{key}\s*=\s*(?:"([^"]*)"|\'([^\']*)\')', text) or re.search(
            rf"<{key}\s*>([^<]*)</{key}\s*>", text
        )
        if match:
            return _unescape(next(group for group in match.groups() if group is not None))
    return None


def set_existing(text: str, namespace: str, name: str, value: str) -> str:
    """Change a simple property wherever the packet has it; a packet without it stays as it is."""
    for prefix in prefixes(text, namespace):
        key = re.escape(f"{prefix}:{name}")
        text = re.sub(rf'(\s{key}\s*=\s*)(?:"[^"]*"|\'[^\']*\')', lambda match: f'{match[1]}"{_escape(value)}"', text)
        text = re.sub(rf"(<{key}\s*>)[^<]*(</{key}\s*>)", lambda match: f"{match[1]}{_escape(value)}{match[2]}", text)
    return text


def remove(text: str, namespace: str, name: str) -> str:
    """Take a property out, with all that is in it."""
    for prefix in prefixes(text, namespace):
        key = re.escape(f"{prefix}:{name}")
        text = re.sub(rf"\s{key}\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", text)
        text = re.sub(rf"<{key}(?:\s[^<>]*)?/>", "", text)
        opening, closing = re.compile(rf"<{key}(?:\s[^<>]*)?>"), re.compile(rf"</{key}\s*>")
        kept, at = [], 0
        while (first := opening.search(text, at)) and (last := closing.search(text, first.end())):
            kept.append(text[at : first.start()])
            at = last.end()
        text = "".join(kept) + text[at:]
    return text


def mend(text: str, width: int, height: int) -> str:
    """Make a packet true of an upright picture of width x height pixels; drop its thumbnails."""
    text = set_existing(text, TIFF, "Orientation", "1")
    for namespace, across, down in ((TIFF, "ImageWidth", "ImageLength"), (EXIF, "PixelXDimension", "PixelYDimension")):
        text = set_existing(text, namespace, across, str(width))
        text = set_existing(text, namespace, down, str(height))
    for namespace, name in _STALE:
        text = remove(text, namespace, name)
    return _without_recipe(text)


def with_recipe(text: str | None, recipe: str) -> str:
    """Put a recipe into a packet (a new one where there is none), in the place of an older one."""
    text = _EMPTY if text is None else _without_recipe(text)
    end = re.search(r"</([\w.-]+):RDF\s*>", text)
    if end is None:  # an empty <rdf:RDF/>: nothing in it to keep
        text = _EMPTY
        end = re.search(r"</([\w.-]+):RDF\s*>", text)
        assert end is not None
    rdf = end[1]
    entry = (
        f'<{rdf}:Description xmlns:{rdf}="http://www.w3.org/1999/02/22-rdf-syntax-ns#" {rdf}:about="" '
        f'xmlns:genkit="{GENKIT}" genkit:recipe="{_escape(recipe)}"/>'
    )
    return text[: end.start()] + entry + text[end.start() :]


def _without_recipe(text: str) -> str:
    if GENKIT not in text:
        return text
    return re.sub(r"<[\w.-]+:Description\s[^<>]*\sgenkit:recipe=\"[^\"]*\"\s*/>", "", text)


def recipe_text(text: str) -> str | None:
    """Read the recipe that a packet carries, or None."""
    return get_property(text, GENKIT, "recipe")


def trim(text: str) -> str:
    """Drop the blank padding that editors leave at a packet's end."""
    packet, mark, rest = text.rpartition("<?xpacket end")
    return f"{packet.rstrip()}\n{mark}{rest}" if mark else text


def _escape(value: str) -> str:
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return value.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")


def _unescape(value: str) -> str:
    for entity, sign in (("&quot;", '"'), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&#10;", "\n"), ("&#13;", "\r")):
        value = value.replace(entity, sign)
    return value.replace("&#9;", "\t").replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")


def encode(text: str | None) -> bytes | None:
    """Write a packet's bytes."""
    return text.encode("utf-8") if text is not None else None
