"""ONNX files that are run as they are, by ONNX Runtime, which is an extra: networks that are not rebuilt here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import RunError, UsageError, WeightsError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from genkit.cards import Card


def open_session(card: Card, files: Mapping[str, Path], device: torch.device, inputs: Sequence[str]) -> Any:
    """A session of the file `weights`, which must take exactly `inputs`; on CUDA where the device is that.

    Raises:
        UsageError: onnxruntime is not installed. WeightsError: no such file, damaged, or another network.
    """
    runtime = need_runtime(card)
    if "weights" not in files:
        raise WeightsError(f"{card.toml}: files.weights is missing", code="card")
    path = files["weights"]
    chosen = runtime.SessionOptions()
    chosen.log_severity_level = 3
    # threads that wait by running take the time of those that work, wherever something else is running
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    places = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    try:
        session = runtime.InferenceSession(str(path), chosen, providers=[*places, "CPUExecutionProvider"])
    except Exception as error:  # a damaged file fails in any way inside onnxruntime, whose errors have no class of their own
        raise WeightsError(f"{path}: no ONNX file that runs ({_reason(error)})", "fetch it again", code="damaged") from error
    found = [one.name for one in session.get_inputs()]
    if missing := [one for one in inputs if one not in found]:
        raise WeightsError(
            f"{path}: no network of this kind: it takes {', '.join(found)}, and not {', '.join(missing)}", code="damaged"
        )
    return session


def need_runtime(card: Card) -> Any:
    """The module onnxruntime.

    Raises:
        UsageError: it is not installed; the hint is the line that installs it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        extra = f"pip install 'genkit-media[{card.requires or 'onnx'}]'"
        raise UsageError(f"{card.name} needs onnxruntime, an extra of genkit", extra, code="requires") from error
    return onnxruntime


def run(card: Card, session: Any, inputs: Mapping[str, Any], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
    """What the network makes of `inputs`: the named outputs in their order, or all.

    Raises:
        RunError: onnxruntime fails.
    """
    try:
        return list(session.run(outputs, dict(inputs)))
    except Exception as error:  # as above
        raise RunError(f"{card.name}: onnxruntime failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
