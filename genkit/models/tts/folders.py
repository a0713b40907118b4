"""Open a part of a voice that is published as a transformers folder: strictly, offline, without running what it brings along.

`from_pretrained` fills missing weights with random numbers and only warns, and takes pickles. Here a missing, unexpected or
misshapen tensor is an error, and a pickle is read by our own restricted reader, only where the card says `pickled`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import WeightsError
from genkit.models.bounds import bounded_parts, check_network
from genkit.models.settings import read_settings
from genkit.runtime import is_out_of_memory
from genkit.weights import read_state_dict

if TYPE_CHECKING:
    import torch

# Buffers that files carry or lack as versions went; they are computed when the network is built.
COMPUTED = re.compile(r"(^|\.)(position_ids|inv_freq|num_batches_tracked|pos_enc|pe|attn\.bias|masked_bias|bias_mask)$")
FULL, PICKLED = "model.safetensors", "pytorch_model.bin"


def read_weights(folder: Path, *, pickled: bool = False) -> dict[str, torch.Tensor]:
    """The tensors of a folder, of one file or of shards.

    Raises:
        WeightsError: none there, damaged, or a pickle where the card does not say so.
    """
    index = folder / f"{FULL}.index.json"
    if index.is_file():
        shards = read_settings(index).get("weight_map")
        if not isinstance(shards, dict) or not all(_is_plain(one) for one in shards.values()):
            raise WeightsError(f"{index}: damaged", "fetch it again")
        state: dict[str, torch.Tensor] = {}
        for name in sorted(set(shards.values())):
            state |= read_state_dict(folder / name)
        return state
    if (folder / FULL).is_file():
        return read_state_dict(folder / FULL)
    if pickled:
        return read_state_dict(folder / PICKLED)
    raise WeightsError(f"{folder} has no weights as safetensors; pickles are not opened", "fetch it again")


def build_strictly(
    model_class: Any,
    settings: Mapping[str, Any],
    state: Mapping[str, torch.Tensor],
    name: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    unused: Collection[str] = (),
) -> Any:
    """A network of transformers with exactly these weights, frozen; tensors whose names begin as one of `unused` may be there.

    Raises:
        WeightsError: settings that build nothing, or weights that do not fit; names the first.
    """
    check_network(settings, len(state), name)
    with quietly(), bounded_parts(len(state), name):
        try:
            config = model_class.config_class.from_dict(dict(settings))
            model, report = model_class.from_pretrained(
                None, config=config, state_dict=dict(state), output_loading_info=True, ignore_mismatched_sizes=True
            )  # they are reported, and refused below
        except Exception as error:  # settings and tensors that are damaged fail in any way inside the library
            if is_out_of_memory(error) or isinstance(error, WeightsError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(f"{name}: damaged or not a {model_class.__name__} ({type(error).__name__}: {reason})") from error
    missing = [str(key) for key in report.get("missing_keys", ()) if not COMPUTED.search(str(key))]
    strange = [str(key) for key in report.get("unexpected_keys", ()) if not COMPUTED.search(str(key))]
    strange = [key for key in strange if not key.startswith(tuple(unused) or ("\0",))]
    shapes = [str(one[0] if isinstance(one, tuple) else one) for one in report.get("mismatched_keys", ())]
    for word, keys in (("lack", missing), ("hold an unknown", strange), ("hold a misshapen", shapes)):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise WeightsError(f"{name}: its weights {word} {min(keys)}{more}", "fetch it again", code="damaged")
    return model.to(device, dtype).eval().requires_grad_(False)


def open_model(
    model_class: Any,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    pickled: bool = False,
    unused: Collection[str] = (),
) -> Any:
    """Read a folder's settings and weights into a network.

    Raises:
        WeightsError: as `read_settings`, `read_weights` and `build_strictly`; also for weights that are quantised.
    """
    settings = read_settings(folder / "config.json")
    if "quantization_config" in settings:
        raise WeightsError(f"{folder} is quantised, which is not read", "take the repository with plain weights")
    return build_strictly(model_class, settings, read_weights(folder, pickled=pickled), folder, device, dtype, unused=unused)


def open_tokenizer(tokenizer_class: Any, folder: Path, needed: Collection[str]) -> Any:
    """Read a tokenizer from a folder that has all its files: without them one is made all the same, of nothing.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    if lost := [one for one in needed if not (folder / one).is_file()]:
        raise WeightsError(f"{folder} lacks {' and '.join(lost)}", "fetch it again")
    with quietly():
        try:
            return tokenizer_class.from_pretrained(str(folder), local_files_only=True)
        except Exception as error:  # a damaged vocabulary fails in any way inside the library
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(f"{folder}: no tokenizer ({type(error).__name__}: {reason})", "fetch it again") from error


def root_of(files: Mapping[str, Path], name: str) -> Path:
    """The folder that a card's repository lies in.

    Raises:
        WeightsError: the card names none.
    """
    if "root" not in files:
        raise WeightsError(f"{name}: the card names no repository", "a hub table says which", code="card")
    return files["root"]


@contextmanager
def quietly() -> Iterator[None]:
    """Keep the library's bars and its reports of keys to itself: what they say is checked and said by us."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name
