"""Words to phonemes: what the dictionary says, what rules and the network make of the rest, and what context decides."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from genkit.errors import InputError, WeightsError
from genkit.text.english import endings, heteronyms, packing
from genkit.text.english.alignment import align, learn
from genkit.text.english.arpabet import SYMBOLS, from_ipa, stressed
from genkit.text.english.g2p import ALPHABET, Network
from genkit.text.english.phonemes import _model, model_file, phonemes_of, pronounce, words_of
from genkit.text.front import sentences
from genkit.text.romanising import romanised

HOMOGRAPHS = (Path(__file__).with_name("data") / "reading" / "homographs.tsv").read_text(encoding="utf-8")
DATA = Path(os.environ.get("GENKIT_DATA", Path(__file__).parents[2] / "shared" / "data"))


def said(text: str, lexicon=None) -> str:
    return " ".join(
        one for sentence in sentences(text, lexicon=lexicon) for piece in sentence.pieces for one in phonemes_of(piece, lexicon)
    )


def of_word(text: str, word: str) -> str:
    for sentence in sentences(text):
        for piece in sentence.pieces:
            for one, phonemes in words_of(piece):
                if one.text == word:
                    return " ".join(phonemes)
    raise AssertionError(word)


@pytest.mark.parametrize(
    ("word", "phonemes"),
    [
        ("hello", "HH AH0 L OW1"), ("through", "TH R UW1"), ("colonel", "K ER1 N AH0 L"), ("yacht", "Y AA1 T"),
        ("of", "AH1 V"), ("one", "W AH1 N"), ("women", "W IH1 M AH0 N"), ("island", "AY1 L AH0 N D"), ("queue", "K Y UW1"),
        ("choir", "K W AY1 ER0"), ("said", "S EH1 D"), ("people", "P IY1 P AH0 L"), ("don't", "D OW1 N T"),
        ("o'clock", "AH0 K L AA1 K"), ("naïve", "N AY2 IY1 V"), ("zoë", "Z OW1 IY0"), ("café", "K AH0 F EY1"),
        ("business", "B IH1 Z N AH0 S"), ("'em", "AH0 M"), ("recipe", "R EH1 S AH0 P IY0"),
    ],
)  # fmt: skip
def test_words_of_the_dictionary_are_right(word: str, phonemes: str):
    assert " ".join(pronounce(word)) == phonemes


@pytest.mark.parametrize(
    ("word", "phonemes"),
    [
        ("colonelship's", None), ("yachtlike", None), ("skateboarders'", None), ("genkit's", None),
        ("doorknobless", None), ("queueless", "K Y UW1 L AH0 S"), ("choirs'", "K W AY1 R Z"),
        ("blorps's", None),
    ],
)  # fmt: skip
def test_words_made_of_known_ones_follow_rules(word: str, phonemes: str | None):
    found = pronounce(word)
    assert found and set(found) <= set(SYMBOLS)
    if phonemes:
        assert " ".join(found) == phonemes


def test_endings_sound_as_their_stems_ask():
    assert endings.plural(("K", "AE1", "T")) == ("K", "AE1", "T", "S")
    assert endings.plural(("D", "AO1", "G")) == ("D", "AO1", "G", "Z")
    assert endings.plural(("B", "AH1", "S")) == ("B", "AH1", "S", "IH0", "Z")
    assert endings.past(("W", "AO1", "K"))[-1:] == ("T",) and endings.past(("HH", "IY1", "T"))[-2:] == ("IH0", "D")
    assert [stem for stem, _ in endings.stems("stopped")] == ["stop", "stoppe", "stopp"]
    assert [stem for stem, _ in endings.stems("parties")] == ["partie", "party", "parti"]


@pytest.mark.parametrize(
    ("text", "word", "phonemes"),
    [
        ("I will read it.", "read", "R IY1 D"), ("I have read it.", "read", "R EH1 D"),
        ("He read it yesterday.", "read", "R EH1 D"), ("You lead us.", "lead", "L IY1 D"),
        ("A lead pipe.", "lead", "L EH1 D"), ("They live here.", "live", "L IH1 V"),
        ("Live music tonight.", "live", "L AY1 V"), ("The wind blows.", "wind", "W IH1 N D"),
        ("Please wind it up.", "wind", "W AY1 N D"), ("A tear fell.", "tear", "T IH1 R"),
        ("They tear it up.", "tear", "T EH1 R"), ("A bow and arrow.", "bow", "B OW1"), ("They bow to him.", "bow", "B AW1"),
        ("Please close it.", "close", "K L OW1 Z"), ("We are close to it.", "close", "K L OW1 S"),
        ("I use it.", "use", "Y UW1 Z"), ("It is of no use.", "use", "Y UW1 S"),
        ("A world record.", "record", "R EH1 K ER0 D"), ("To record it.", "record", "R IH0 K AO1 R D"),
        ("A present for you.", "present", "P R EH1 Z AH0 N T"), ("They present it.", "present", "P R IY0 Z EH1 N T"),
        ("The object fell.", "object", "AA1 B JH EH0 K T"), ("I object to that.", "object", "AH0 B JH EH1 K T"),
        ("He used to go.", "used", "Y UW1 S T"), ("He used it.", "used", "Y UW1 Z D"),
        ("The minute details.", "minute", "M AY0 N UW1 T"), ("Wait a minute.", "minute", "M IH1 N AH0 T"),
        ("The wound healed.", "wound", "W UW1 N D"), ("The apple.", "the", "DH IY0"), ("The car.", "the", "DH AH0"),
        ("A dog.", "a", "AH0"), ("Vitamin A.", "a", "EY1"), ("The FBI.", "f", "EH1 F"), ("The CEOs.", "o's", "OW1 Z"),
    ],
)  # fmt: skip
def test_context_and_letters_decide(text: str, word: str, phonemes: str):
    assert of_word(text, word) == phonemes


@pytest.mark.parametrize(("text", "word", "phonemes"), [line.split("\t") for line in HOMOGRAPHS.splitlines() if "\t" in line])
def test_words_with_two_sounds_are_told_apart(text: str, word: str, phonemes: str):
    assert of_word(text, word) == phonemes


def test_all_sounds_of_the_table_are_phonemes():
    for word, (sounds, rules) in heteronyms._entries().items():
        assert all(stressed(said) == said for said in sounds.values()), word
        assert {one.say for one in rules} <= set(sounds) and not rules[-1].words and not rules[-1].flags, word


def test_a_sentence_in_a_row_with_its_marks():
    assert said("Hello, [[W ER1 L D]]!") == "HH AH0 L OW1 , W ER1 L D !"


def test_the_lexicon_comes_first_and_its_words_take_endings():
    own = {"hello": ("Z",), "genkit": ("JH", "EH1", "N", "K", "IH0", "T")}
    assert said("Hello genkit's", own) == "Z JH EH1 N K IH0 T S ."


def test_what_is_not_latin_is_read_by_its_letters_or_not_at_all():
    assert pronounce("привет") == pronounce("privet") and pronounce("καλημέρα") == pronounce("kalimera")
    assert pronounce("今日") == () and pronounce("əliyev") == pronounce("eliyev")
    assert pronounce("łódź") and pronounce("straße") and pronounce("'") == ()


@pytest.mark.parametrize(
    ("word", "spelling"),
    [
        ("щука", "shchuka"), ("подъезд", "podezd"), ("ёлка", "yolka"), ("їжак", "yizhak"),
        ("љубав", "lyubav"),
        ("ψωμί", "psomi"), ("καλημέρα", "kalimera"), ("й", "y"), ("한국어", "hangugeo"), ("გამარჯობა", "gamarjoba"),
        ("ラーメン", "ramen"), ("食べる", "食べる"), ("مرحبا", "مرحبا"), ("naïve", "naïve"), ("łódź", "łódź"),
        ("ʃip", "ship"), ("θɪŋk", "thingk"),
    ],
)  # fmt: skip
def test_other_alphabets_have_an_english_spelling(word: str, spelling: str):
    assert romanised(word) == spelling


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("the word ʃɪp", "DH AH0 W ER1 D SH IH1 P ."), ("ship /ʃɪp/ sails", "SH IH1 P SH IH1 P S EY1 L Z ."),
        ("The sign ŋ is here.", "DH AH0 S AY1 N NG IH1 Z HH IY1 R ."), ("say θɪŋk!", "S EY1 TH IH1 NG K !"),
        ("rouge [ʁuʒ]", "R UW1 ZH , R UW1 ZH ."), ("Mr. Əliyev", "M IH1 S T ER0 EH1 L IY0 EH0 V ."),
        ("it is ː long", "IH1 T IH1 Z L AO1 NG ."), ("say 今日 now", "S EY1 N AW1 ."),
    ],
)  # fmt: skip
def test_phonetic_signs_are_read_and_never_stop_a_text(text: str, phonemes: str):
    assert said(text) == phonemes


def test_words_without_vowels_are_spelt():
    assert " ".join(pronounce("tbh")) == "T IY1 B IY1 EY1 CH" and len(pronounce("hmm")) <= 4


def test_voices_of_letters_get_a_spelling():
    words = [one.said for one in sentences("«Сегодня», θɪŋk and καλημέρα.")]
    assert words == ["segodnya, thingk and kalimera."]
    assert [one.said for one in sentences("Сегодня iPhone.", language="ru")] == ["сегодня iphone."]


def test_two_ways_to_write_phonemes():
    assert from_ipa("ˈtʃɜːrtʃ") == ("CH", "ER1", "CH") and from_ipa("kæt") == ("K", "AE1", "T")
    assert stressed(["HH", "AH", "L", "OW1"]) == ("HH", "AH0", "L", "OW1")
    with pytest.raises(ValueError, match="X is no ARPAbet"):
        stressed(["X"])


def test_the_file_is_small_and_says_what_it_is():
    size = model_file().stat().st_size
    facts = _model().facts
    assert size <= 1_250_000
    figures = facts["figures"]
    assert figures["word_error_rate"] < figures["network_word_error_rate"] - 0.03, "the rules help"
    assert all(after <= before + 1 for _, before, after in facts["rules"].values()), "and each of them does"
    assert facts["figures"]["words"] > 120_000 and "held out" in facts["protocol"] and "Carnegie Mellon" in facts["notice"]
    assert (model_file().parent / "genkit-g2p.LICENSE.txt").is_file()


def test_a_missing_or_foreign_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        packing.load(tmp_path / "none.safetensors")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="no grapheme-to-phoneme model"):
        packing.load(tmp_path / "other.safetensors")


def test_what_is_packed_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    chunks = [(), ("K",), ("AE1",), ("AE0",), ("T",), ("K", "S")]
    layers = [(rng.normal(size=(5 * 8, 8)).astype(np.float32), np.zeros(8, np.float32))]
    network = Network(
        rng.normal(size=(len(ALPHABET), 8)), layers, (rng.normal(size=(6, 8)).astype(np.float32).T, np.zeros(6)), chunks
    )
    exceptions = {"cat": ("K", "AE1", "T"), "cats": ("K", "AE1", "T", "S"), "a": ("AH0",), "x'd": ("EH1", "K", "S", "T")}
    packing.save(tmp_path / "m.safetensors", network, exceptions, packing.Known.of(["cat", "dog"]), {"figures": {}})
    back = packing.load(tmp_path / "m.safetensors")
    assert back.exceptions == exceptions and "cat" in back.known and "dog" in back.known and "zebra" not in back.known
    assert np.allclose(back.network.logits(["cat"]), network.logits(["cat"]), atol=0.2 * np.abs(network.logits(["cat"])).max())
    for word in back.network(["cat", "act", "tact"]):
        assert sum(one[-1] == "1" for one in word) <= 1


def test_letters_find_their_phonemes():
    words = {
        "cat": "K AE T",
        "act": "AE K T",
        "tact": "T AE K T",
        "ax": "AE K S",
        "tax": "T AE K S",
        "at": "AE T",
        "chat": "CH AE T",
    }
    pairs = [(word, tuple(phonemes.split())) for word, phonemes in words.items()] * 3
    costs = learn(pairs)
    assert align("tax", ("T", "AE", "K", "S"), costs) == [("T",), ("AE",), ("K", "S")]
    assert align("a", ("AE", "K", "T"), costs) is None


def test_words_are_fast():
    pronounce.cache_clear()
    known = sorted(_model().exceptions)[::200]
    made = ["gl" + word.replace("'", "") + "o" for word in known][:150]
    pronounce("warm")
    begun = time.process_time()
    for word in made:
        pronounce(word)
    assert (time.process_time() - begun) / len(made) < 0.02


@pytest.mark.published
@pytest.mark.skipif(not (DATA / "cmudict.zip").is_file(), reason="CMUdict is not here")
def test_a_sample_of_the_dictionary_is_right_and_unseen_words_nearly():
    from genkit.train.tts.g2p import held_out, measure, read_dictionary

    dictionary = read_dictionary(DATA / "cmudict.zip")
    sample = sorted(dictionary)[::97]
    own = ("a", "i", "o", "o'clock", "miz")
    assert not [word for word in sample if len(word) > 1 and word not in own and pronounce(word) != dictionary[word][0]]
    unseen = [word for word in dictionary if held_out(word)][::10]
    figures = measure(dict(zip(unseen, _model().network(unseen), strict=True)), dictionary)
    assert figures["phoneme_error_rate_without_stress"] < 0.2, figures


@pytest.mark.skipif(not zipfile.is_zipfile(DATA / "cmudict.zip"), reason="CMUdict is not here")
def test_a_wrong_dictionary_is_named(tmp_path):
    from genkit.train.tts.g2p import read_dictionary

    path = tmp_path / "own.dict"
    path.write_text("cat K AE1 T # an animal\ncat(2) K AE2 T\nnaïve x\nalone\n")
    with pytest.raises(InputError, match=r"own\.dict, line 4"):
        read_dictionary(path)
    path.write_text("cat K AE1 T # an animal\ncat(2) K AE2 T\n")
    assert read_dictionary(path) == {"cat": [("K", "AE1", "T"), ("K", "AE2", "T")]}
