"""FastSpeech 2 with conformer blocks (Ren and others 2021, arXiv 2006.04558; ESPnet's, arXiv 2010.13956): phonemes to a mel
spectrogram, with a duration and a pitch for each, and a vocoder behind it. `conformer` is the network; it is trained as
transformers' `FastSpeech2ConformerModel`, whose numbers it gives.

Reads ESPnet's published folders (network and HiFi-GAN in one) and genkit's own voices, whose card holds the settings and whose
vocoder is `vocos`. Phonemes are ours (`text/english/phonemes.py`), so no front end is fetched. Speed divides the network's own
durations, pitch is added to its own pitches; durations give the times of phonemes and words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError, WeightsError
from genkit.models.bounds import bounded_parts, check_network
from genkit.models.checkpoints import fit
from genkit.models.settings import read_settings
from genkit.models.tts import vocos
from genkit.models.tts.conformer import Conformer, Sizes
from genkit.models.tts.fastspeech2_voice import FastSpeech2
from genkit.models.tts.folders import COMPUTED, build_strictly, read_weights, root_of
from genkit.models.tts.speaking import rate_of
from genkit.weights import read_state_dict

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from genkit.cards import Card


def build(**params: Any) -> Any:
    """Random weights in any size, to be trained; `params` are those of transformers' FastSpeech2ConformerConfig."""
    from transformers import FastSpeech2ConformerConfig, FastSpeech2ConformerModel

    return FastSpeech2ConformerModel(FastSpeech2ConformerConfig(**params)).eval()


def recognise(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """None: which id stands for which phoneme is not in the weights."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> FastSpeech2:
    """Load a published folder (a hub repository, with `vocab` where the symbols lie elsewhere), or files of our own, `acoustic`
    and `vocoder`, whose settings are the card's.

    Raises:
        WeightsError: files that are not such a voice.
    """
    return _own(card, files, device, dtype) if "acoustic" in files else _published(card, files, device, dtype)


def _published(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> FastSpeech2:
    from transformers import FastSpeech2ConformerHifiGan

    root = root_of(files, card.name)
    settings = read_settings(root / "config.json")
    parts = {key: settings.get(f"{key}_config") for key in ("model", "vocoder")}
    if not all(isinstance(one, dict) for one in parts.values()):
        raise WeightsError(f"{root}: config.json holds no FastSpeech2 with its vocoder", "fetch it again")
    state = read_weights(root, pickled=bool(card.params.get("pickled")))
    states = {key: {k.removeprefix(f"{key}."): v for k, v in state.items() if k.startswith(f"{key}.")} for key in parts}
    if strange := [key for key in state if not key.startswith(("model.", "vocoder."))]:
        raise WeightsError(f"{root}: its weights hold an unknown {min(strange)}", "fetch it again", code="damaged")
    model = _network(parts["model"] or {}, states["model"], root)
    vocoder = build_strictly(FastSpeech2ConformerHifiGan, parts["vocoder"] or {}, states["vocoder"], root, device, dtype)
    hop = 1
    for rate in vocoder.config.upsample_rates:
        hop *= rate
    symbols = read_settings(files.get("vocab", root / "vocab.json"))
    return _voice(card, model, {"sound": vocoder}, symbols, hop, rate_of(card), (device, dtype))


def _own(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> FastSpeech2:
    from genkit.nets.mel import MelScale

    if "vocoder" not in files:
        raise WeightsError(
            f"{card.toml}: files.vocoder is missing: this is the acoustic part alone",
            "genkit train tts --part vocoder --set data.acoustic=CARD makes it a voice",
            code="card",
        )
    for needed in ("acoustic", "symbols", "mel", "vocoder"):
        if not card.params.get(needed):
            raise WeightsError(f"{card.toml}: params.{needed} is missing", code="card")
    path = files["acoustic"]
    model = _network(card.params["acoustic"], read_state_dict(path), path)
    spectrum = vocos.Spectrum(vocos.read(files["vocoder"], card.params["vocoder"]))
    symbols = {str(one): number for number, one in enumerate(card.params["symbols"])}
    scale = MelScale.of(card.params["mel"])
    rate = rate_of(card, scale.rate_hz)
    return _voice(card, model, {"spectrum": spectrum}, symbols, scale.hop, rate, (device, dtype))


def _voice(
    card: Card, model: Conformer, vocoder: dict[str, nn.Module], symbols: Mapping[str, int], hop: int, rate: int, place: Any
) -> FastSpeech2:
    """The voice of an acoustic network and a vocoder, by the name of what that gives; `place` are the device and the format.

    Raises:
        WeightsError: more symbols than the network has.
    """
    from torch import nn

    if max(symbols.values(), default=0) >= model.sizes.vocab_size:
        raise WeightsError(f"{card.name}: it has {model.sizes.vocab_size} symbols, and the list has more", code="damaged")
    network = nn.ModuleDict({"symbols": model.symbols(), "frames": model.frames(), **vocoder})
    device, dtype = place
    return FastSpeech2(
        network,
        card,
        symbols=dict(symbols),
        hop=hop,
        sample_rate=rate,
        speakers=model.sizes.num_speakers or 1,
        vocoder=next(iter(vocoder)),
        device=device,
        dtype=dtype,
    )


def _network(settings: Mapping[str, Any], state: Mapping[str, Tensor], path: Path) -> Conformer:
    """The acoustic network with exactly these weights.

    Raises:
        WeightsError: settings that build nothing, or weights that do not fit.
    """
    check_network(settings, len(state), path)
    # transformers, by which voices were made and judged, brings all of a file to the format of its first tensor
    rounded = next((one.dtype for one in state.values() if one.is_floating_point()), None)
    tensors = {key: one.to(rounded) for key, one in state.items() if one.is_floating_point() and not COMPUTED.search(key)}
    try:
        with bounded_parts(len(state), path):
            network = Conformer(Sizes.of(settings, rounded))
    except (
        TypeError,
        ValueError,
        RuntimeError,
        ArithmeticError,
        StopIteration,
        UsageError,
    ) as error:  # numbers that are no sizes
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: damaged or no FastSpeech2 ({reason})", "fetch it again", code="damaged") from error
    fit(network, tensors, path, "FastSpeech2")
    return network
