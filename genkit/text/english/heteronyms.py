"""Words that are written alike and said in two ways, told apart by the words beside them where these make it clear."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.text.english.abbreviations import word_set

_TO = word_set(
    "to will would can could should shall may might must cannot can't couldn't won't wouldn't don't didn't doesn't "
    "shouldn't do does did let's please i'll you'll he'll she'll we'll they'll i'd you'd we'd they'd"
)
_PRONOUNS = word_set("i you we they who he she it people")
_HAVE = word_set("have has had having i've you've we've they've he's she's was were been be being is are got get gets")
_THE = word_set(
    "the a an this that these those my your his her its our their no any some every each another first second last next "
    "new old good bad great same whole world track public of in on with for by"
)
_PAST = word_set("yesterday ago already once never ever earlier last")


def _noun_or_verb(before: str, after: str, second: str) -> bool:
    """Whether the verb is meant."""
    if before in _TO or (before in ("not", "and") and after in _THE):
        return True
    if before in _THE:
        return False
    return before in _PRONOUNS or (after in _THE and after not in ("of", "in", "on", "with", "for", "by") and before != "")


def _pair(noun: str, verb: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(noun.split(" ")), tuple(verb.split(" "))


# noun (or adjective) first, then verb
_BY_KIND = {
    "use": _pair("Y UW1 S", "Y UW1 Z"), "close": _pair("K L OW1 S", "K L OW1 Z"), "house": _pair("HH AW1 S", "HH AW1 Z"),
    "excuse": _pair("IH0 K S K Y UW1 S", "IH0 K S K Y UW1 Z"), "abuse": _pair("AH0 B Y UW1 S", "AH0 B Y UW1 Z"),
    "record": _pair("R EH1 K ER0 D", "R IH0 K AO1 R D"), "records": _pair("R EH1 K ER0 D Z", "R IH0 K AO1 R D Z"),
    "present": _pair("P R EH1 Z AH0 N T", "P R IY0 Z EH1 N T"),
    "presents": _pair("P R EH1 Z AH0 N T S", "P R IY0 Z EH1 N T S"), "object": _pair("AA1 B JH EH0 K T", "AH0 B JH EH1 K T"),
    "objects": _pair("AA1 B JH EH0 K T S", "AH0 B JH EH1 K T S"),
    "subject": _pair("S AH1 B JH IH0 K T", "S AH0 B JH EH1 K T"),
    "project": _pair("P R AA1 JH EH0 K T", "P R AH0 JH EH1 K T"), "produce": _pair("P R OW1 D UW0 S", "P R AH0 D UW1 S"),
    "conduct": _pair("K AA1 N D AH0 K T", "K AH0 N D AH1 K T"),
    "conflict": _pair("K AA1 N F L IH0 K T", "K AH0 N F L IH1 K T"),
    "contract": _pair("K AA1 N T R AE2 K T", "K AH0 N T R AE1 K T"),
    "contrast": _pair("K AA1 N T R AE0 S T", "K AH0 N T R AE1 S T"), "desert": _pair("D EH1 Z ER0 T", "D IH0 Z ER1 T"),
    "increase": _pair("IH1 N K R IY2 S", "IH0 N K R IY1 S"), "decrease": _pair("D IY1 K R IY2 S", "D IH0 K R IY1 S"),
    "permit": _pair("P ER1 M IH2 T", "P ER0 M IH1 T"), "progress": _pair("P R AA1 G R EH2 S", "P R AH0 G R EH1 S"),
    "protest": _pair("P R OW1 T EH2 S T", "P R AH0 T EH1 S T"), "rebel": _pair("R EH1 B AH0 L", "R IH0 B EH1 L"),
    "refuse": _pair("R EH1 F Y UW2 Z", "R AH0 F Y UW1 Z"), "suspect": _pair("S AH1 S P EH2 K T", "S AH0 S P EH1 K T"),
    "transport": _pair("T R AE1 N S P AO0 R T", "T R AE0 N S P AO1 R T"),
    "export": _pair("EH1 K S P AO0 R T", "IH0 K S P AO1 R T"), "import": _pair("IH1 M P AO2 R T", "IH2 M P AO1 R T"),
    "insult": _pair("IH1 N S AH2 L T", "IH2 N S AH1 L T"), "upset": _pair("AH1 P S EH2 T", "AH0 P S EH1 T"),
    "estimate": _pair("EH1 S T AH0 M AH0 T", "EH1 S T AH0 M EY2 T"),
    "graduate": _pair("G R AE1 JH AH0 W AH0 T", "G R AE1 JH AH0 W EY2 T"),
    "separate": _pair("S EH1 P ER0 IH0 T", "S EH1 P ER0 EY2 T"),
    "duplicate": _pair("D UW1 P L AH0 K AH0 T", "D UW1 P L AH0 K EY2 T"),
    "alternate": _pair("AO1 L T ER0 N AH0 T", "AO1 L T ER0 N EY2 T"),
    "moderate": _pair("M AA1 D ER0 AH0 T", "M AA1 D ER0 EY2 T"), "content": _pair("K AA1 N T EH0 N T", "K AH0 N T EH1 N T"),
    "perfect": _pair("P ER1 F IH2 K T", "P ER0 F EH1 K T"), "address": _pair("AE1 D R EH2 S", "AH0 D R EH1 S"),
    "convict": _pair("K AA1 N V IH0 K T", "K AH0 N V IH1 K T"),
    "extract": _pair("EH1 K S T R AE2 K T", "IH0 K S T R AE1 K T"),
}  # fmt: skip


def _read(before: str, earlier: Sequence[str], after: str) -> bool:
    past = before in _HAVE or bool(set(earlier[-4:]) & _HAVE and before in ("already", "never", "ever", "just", "not", "also"))
    third = before in ("he", "she", "it")  # not reads: the past
    return not past and not third and after not in _PAST and not set(earlier) & {"yesterday", "ago"}


def choose(words: Sequence[str], place: int) -> tuple[str, ...] | None:
    """The phonemes of words[place] where it is such a word, else None."""
    word = words[place]
    before = words[place - 1] if place else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    if word in _BY_KIND:
        noun, verb = _BY_KIND[word]
        if word == "close" and (
            after in ("to", "by", "friend", "friends", "call", "enough", "up")
            or before in ("so", "very", "too", "is", "was", "were", "are")
        ):
            return noun
        if word == "content" and before in ("is", "was", "were", "are", "be", "not", "feel", "felt"):
            return verb
        if word in ("separate", "moderate", "perfect", "duplicate", "alternate", "upset") and before in (
            "is",
            "was",
            "were",
            "are",
            "be",
            "two",
            "very",
        ):
            return verb if word == "upset" else noun
        if word in ("address", "suspect", "increase", "decrease") and not before:
            return verb if after in _THE or after == "" else noun
        if (
            not before
            and word
            in ("use", "close", "record", "present", "separate", "refuse", "excuse", "produce", "conduct", "import", "export")
            and after
        ):
            return verb if after in _THE or after in ("it", "them", "me", "caution", "only") else noun
        return verb if _noun_or_verb(before, after, word) else noun
    split = lambda text: tuple(text.split(" "))  # noqa: E731 - said a dozen times below
    match word:
        case "read":
            return split("R IY1 D" if before in _TO or _read(before, words[:place], after) else "R EH1 D")
        case "lead":
            metal = after in (
                "paint",
                "pipe",
                "pipes",
                "poisoning",
                "shot",
                "bullet",
                "bullets",
                "weight",
                "weights",
                "acid",
            ) or before in ("of", "molten", "like", "liquid")
            return split("L EH1 D" if metal and after != "to" else "L IY1 D")
        case "live":
            adjective = before in _THE - {"that", "who"} or after in (
                "music",
                "show",
                "shows",
                "concert",
                "concerts",
                "broadcast",
                "audience",
                "wire",
                "performance",
                "stream",
                "coverage",
                "video",
            )
            return split("L AY1 V" if adjective and before not in _TO and before not in ("people", "those") else "L IH1 V")
        case "lives":
            return split(
                "L IH1 V Z"
                if before in ("he", "she", "it", "who", "that")
                or (after in ("in", "at", "on", "with", "near", "here", "there") and before not in _THE)
                else "L AY1 V Z"
            )
        case "wind":
            return split(
                "W AY1 N D" if before in _TO or (after in ("up", "down", "your", "it") and before not in _THE) else "W IH1 N D"
            )
        case "tear":
            torn = before in _TO or before in _PRONOUNS or after in ("up", "down", "apart", "it", "off", "out", "open")
            return split(
                "T EH1 R" if torn or before in ("wear",) or (before == "and" and "wear" in words[:place]) else "T IH1 R"
            )
        case "tears":
            return split(
                "T EH1 R Z" if before in ("he", "she", "it") or after in ("up", "down", "apart", "off") else "T IH1 R Z"
            )
        case "bow":
            tied = (
                before in ("his", "a", "the", "her") and after in ("and", "tie", "string", "of", "in", "on") and before != "of"
            ) or after in ("tie", "string")
            return split("B OW1" if tied or "arrow" in words or "arrows" in words or "violin" in words else "B AW1")
        case "row":
            return split("R OW1")
        case "wound":
            return split(
                "W AW1 N D"
                if after in ("up", "around", "down", "round", "through")
                or (before in ("had", "has") and after in ("the", "his", "her"))
                else "W UW1 N D"
            )
        case "minute":
            return split(
                "M AY0 N UW1 T"
                if after in ("details", "detail", "amounts", "amount", "quantities", "particles", "traces")
                else "M IH1 N AH0 T"
            )
        case "bass":
            return split("B AE1 S" if before in ("sea", "caught", "largemouth", "striped") or after == "fishing" else "B EY1 S")
        case "dove":
            return split("D OW1 V" if before in _PRONOUNS or after in ("into", "in", "under", "down", "for") else "D AH1 V")
        case "sow":
            return split("S OW1" if before in _TO or after in ("the", "seeds", "seed") else "S AW1")
        case "polish":
            return None
        case "used":
            return split(
                "Y UW1 S T"
                if after == "to" and before not in ("is", "was", "are", "were", "be", "been", "being")
                else "Y UW1 Z D"
            )
        case "the":
            return None
        case _:
            return None
