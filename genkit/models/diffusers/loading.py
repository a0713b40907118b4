"""Open a local folder of the diffusers layout: strictly, offline, and without running anything that it brings along.

The parts are loaded one by one rather than by `DiffusionPipeline.from_pretrained`, because that fills missing weights with
random numbers and only warns, takes classes from wherever the folder points, and falls back to pickles. Here a class must be
one of diffusers or transformers and of a kind that a pipeline is made of, weights come as safetensors alone, and a missing,
unexpected or misshapen tensor is an error.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from genkit.errors import WeightsError
from genkit.files import parse_json
from genkit.models.bounds import bounded_parts, check_network, check_scheduler, window_of
from genkit.models.diffusers.pipelines import Kind
from genkit.models.settings import read_settings
from genkit.runtime import is_out_of_memory

# How a folder names the code of a part: nothing else is imported.
MODULES = {
    "diffusers": "diffusers",
    "transformers": "transformers",
    "stable_diffusion": "diffusers.pipelines.stable_diffusion.safety_checker",
}
RENAMED = {"CLIPFeatureExtractor": "CLIPImageProcessor"}  # transformers dropped the old name, published folders keep it
OPTIONAL = ("safety_checker", "feature_extractor", "image_encoder")
# Buffers that old versions saved and that are computed nowadays; nothing is lost without them.
COMPUTED = re.compile(r"(^|\.)(position_ids|inv_freq)$")
STEMS = ("diffusion_pytorch_model", "model")  # of weight files: diffusers' and transformers'


def open_pipeline(folder: Path, kind: Kind, dtype: torch.dtype, *, variant: str | None = None) -> Any:
    """Load the pipeline of `kind` from `folder` to the CPU in `dtype`.

    `variant` prefers weight files such as `model.fp16.safetensors`; a part that has none of that variant is taken plain.

    Raises:
        WeightsError: no such folder, another pipeline, a missing or foreign part, damaged or incomplete weights; names
            the folder and what is wrong with it.
    """
    index = read_index(folder, kind)
    pipeline_class = getattr(importlib.import_module("diffusers"), kind.name)
    parts: dict[str, Any] = {}
    with _without_bars():
        for name in _wanted(pipeline_class, index, folder):
            library, class_name = index[name]
            parts[name] = _load(_class(folder, name, library, class_name), folder / name, dtype, variant)
    _set_windows(parts, folder)
    taken = inspect.signature(pipeline_class.__init__).parameters
    settings = {key: value for key, value in index.items() if key in taken and not isinstance(value, list)}
    if "add_watermarker" in taken:
        settings["add_watermarker"] = False  # else it depends on whether a further package is installed
    if "requires_safety_checker" in taken and parts.get("safety_checker") is None:
        settings["requires_safety_checker"] = False
    # parts that a folder may leave out are still arguments that some classes want
    absent = {name: None for name in OPTIONAL if name in taken}
    pipeline = pipeline_class(**{**absent, **parts}, **settings)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def open_single(file: Path, settings: Path, kind: Kind, dtype: torch.dtype) -> Any:
    """Load a checkpoint in one safetensors file, in the layout of its authors, with the settings and the tokenizer of a local
    diffusers folder; nothing else is looked for. It holds no safety checker.

    Raises:
        WeightsError: damaged, incomplete, or laid out otherwise than the settings say.
    """
    index = read_index(settings, kind)
    pipeline_class = getattr(importlib.import_module("diffusers"), kind.name)
    for name, value in index.items():
        if isinstance(value, list) and len(value) == 2 and value[0] and name not in OPTIONAL:
            _class(settings, name, *value)
    taken = inspect.signature(pipeline_class.__init__).parameters
    options: dict[str, Any] = {name: None for name in OPTIONAL if name in taken}
    options |= {name: False for name in ("add_watermarker", "requires_safety_checker") if name in taken}
    tensors = len(_header(file))
    for part in sorted(path for path in settings.iterdir() if path.is_dir()):
        _check_settings(part, tensors)
    try:
        with _without_bars(), bounded_parts(tensors, file):
            pipeline = pipeline_class.from_single_file(
                str(file), config=str(settings), torch_dtype=dtype, local_files_only=True, **options
            )
    except Exception as error:
        # what does not fit the settings fails in any way inside the libraries
        if is_out_of_memory(error) or isinstance(error, WeightsError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{file} does not fit the settings in {settings} ({type(error).__name__}: {reason})") from error
    _set_windows(pipeline.components, settings)
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module):
            if lost := [key for key, value in part.named_parameters() if value.is_meta]:
                raise WeightsError(f"{file}: lacks {name}.{lost[0]}", "fetch it again", code="damaged")
            part.to(dtype).eval().requires_grad_(False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_part(folder: Path, class_name: str, dtype: torch.dtype, variant: str | None = None) -> Any:
    """Load one network of diffusers from its own folder, as strictly as a pipeline's.

    Raises:
        WeightsError: no such class, or damaged or incomplete weights.
    """
    with _without_bars():
        return _load(_class(folder.parent, folder.name, "diffusers", class_name), folder, dtype, variant)


def read_index(folder: Path, kind: Kind) -> dict[str, Any]:
    """Read model_index.json and check that the folder holds what `kind` runs.

    Raises:
        WeightsError: not there, not JSON, or another pipeline.
    """
    path = folder / "model_index.json"
    index = read_settings(path)
    class_name = index.get("_class_name")
    if class_name not in kind.folders:
        raise WeightsError(f"{folder} holds a {class_name}, which {kind.name} cannot run", f"it runs {', '.join(kind.folders)}")
    return index


def weight_bytes(folder: Path, dtype: torch.dtype, variant: str | None = None) -> dict[str, int]:
    """What each part's weights will take in `dtype`, from the headers of their files alone; parts without weights are left
    out, and so are files that cannot be read, which the loading will name."""
    sizes: dict[str, int] = {}
    for part in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []:
        elements = sum(_elements(path) for path in _weight_files(part, variant))
        if elements:
            sizes[part.name] = elements * dtype.itemsize
    return sizes


@contextmanager
def _without_bars() -> Iterator[None]:
    """Both libraries draw one for each part, wherever stderr goes."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    enabled = [one for one in (of_diffusers, of_transformers) if one.is_progress_bar_enabled()]
    for one in enabled:
        one.disable_progress_bar()
    try:
        yield
    finally:
        for one in enabled:
            one.enable_progress_bar()


def _wanted(pipeline_class: Any, index: Mapping[str, Any], folder: Path) -> list[str]:
    """The parts that the folder names and the pipeline takes; those that it cannot do without must be among them."""
    named = {name for name, value in index.items() if isinstance(value, list) and len(value) == 2 and value[0]}
    parameters = [one for one in inspect.signature(pipeline_class.__init__).parameters.values() if one.name != "self"]
    needed = [one.name for one in parameters if one.default is one.empty and one.name not in OPTIONAL]
    if lost := [name for name in needed if name not in named]:
        raise WeightsError(f"{folder}: model_index.json names no {', '.join(lost)}", "fetch it again, or another repository")
    return [one.name for one in parameters if one.name in named]


def _class(folder: Path, part: str, library: Any, class_name: Any) -> Any:
    module = MODULES.get(library)
    name = RENAMED.get(class_name, class_name)
    part_class = None
    if module is not None and isinstance(name, str) and name.isidentifier():
        part_class = getattr(importlib.import_module(module), name, None)
    if not (inspect.isclass(part_class) and issubclass(part_class, _kinds_of_parts())):
        raise WeightsError(
            f"{folder}: {part} is of the class {library}.{class_name}, which is no part that diffusers or transformers has",
            "repositories that bring their own code are not run; or update diffusers and transformers",
        )
    return part_class


def _kinds_of_parts() -> tuple[type, ...]:
    from diffusers import ModelMixin, SchedulerMixin
    from transformers import ImageProcessingMixin, PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin

    return (ModelMixin, SchedulerMixin, PreTrainedModel, PreTrainedTokenizerBase, ImageProcessingMixin, ProcessorMixin)


def _load(part_class: Any, folder: Path, dtype: torch.dtype, variant: str | None) -> Any:
    from diffusers import ModelMixin
    from transformers import PreTrainedModel, ProcessorMixin

    if not folder.is_dir():
        raise WeightsError(f"{folder.parent} has no folder {folder.name}", "fetch it again")
    options: dict[str, Any] = {"local_files_only": True}
    weighted, tensors = issubclass(part_class, (ModelMixin, PreTrainedModel)), 0
    if weighted:
        files = _weight_files(folder, variant)
        if not files:
            raise WeightsError(f"{folder} has no weights as safetensors; pickles are not opened", "fetch it again")
        if lost := [path.name for path in files if not path.is_file()]:
            raise WeightsError(f"{folder} lacks {', '.join(lost)}", "fetch it again")
        _refuse_foreign_settings(folder)
        tensors = sum(len(_header(path)) for path in files)
        marked = variant is not None and f".{variant}." in files[0].name
        options |= {"use_safetensors": True, "output_loading_info": True, "variant": variant if marked else None}
        options["torch_dtype" if issubclass(part_class, ModelMixin) else "dtype"] = dtype
    else:
        _refuse_wordless(part_class, folder)
        if issubclass(part_class, ProcessorMixin):
            options["trust_remote_code"] = False  # else a folder that names code of its own has the terminal asked about it
    _check_settings(folder, tensors)
    try:
        with bounded_parts(tensors, folder):
            loaded = part_class.from_pretrained(str(folder), **options)
    except Exception as error:
        # configurations, tokenizers and tensors that are damaged fail in any way inside the libraries
        if is_out_of_memory(error) or isinstance(error, WeightsError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{folder}: damaged or not a {part_class.__name__} ({type(error).__name__}: {reason})") from error
    if not weighted:
        return loaded
    part, report = loaded
    _be_strict(folder, report)
    return part.eval().requires_grad_(False)


def _check_settings(folder: Path, tensors: int) -> None:
    """Hold the numbers of a part's settings against its weights, or what any scheduler has.

    Raises:
        WeightsError: they cannot be.
    """
    for name, check in (("config.json", partial(check_network, tensors=tensors)), ("scheduler_config.json", check_scheduler)):
        if (folder / name).is_file():
            check(read_settings(folder / name), name=folder)


def _set_windows(parts: Mapping[str, Any], folder: Path) -> None:
    """Let each tokenizer read what its encoder has positions for, whatever its own settings say."""
    for name, part in parts.items():
        if name.startswith("tokenizer") and hasattr(part, "model_max_length"):
            encoder = parts.get(name.replace("tokenizer", "text_encoder"))
            positions = getattr(getattr(encoder, "config", None), "max_position_embeddings", None)
            part.model_max_length = window_of(part.model_max_length, positions, folder / name)


def _be_strict(folder: Path, report: Mapping[str, Any]) -> None:
    missing = [str(key) for key in report.get("missing_keys", ())]
    unexpected = [str(key) for key in report.get("unexpected_keys", ()) if not COMPUTED.search(str(key))]
    shapes = [str(one[0] if isinstance(one, tuple) else one) for one in report.get("mismatched_keys", ())]
    for word, keys in (("lack", missing), ("hold an unknown", unexpected), ("hold a misshapen", shapes)):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise WeightsError(f"{folder}: its weights {word} {min(keys)}{more}", "fetch it again", code="damaged")


def _refuse_wordless(part_class: Any, folder: Path) -> None:
    """Without its files a tokenizer is made all the same, of nothing but its special words."""
    from transformers import ProcessorMixin

    names = dict(getattr(part_class, "vocab_files_names", None) or {})
    if issubclass(part_class, ProcessorMixin):  # it holds a tokenizer beside the preparation of pictures
        names = {"vocab_file": "vocab.json", "merges_file": "merges.txt"}
    whole = names.pop("tokenizer_file", "tokenizer.json")
    if names and not (folder / whole).is_file() and (lost := [one for one in names.values() if not (folder / one).is_file()]):
        raise WeightsError(f"{folder} lacks {whole}, or {' and '.join(lost)}", "fetch it again")


def _refuse_foreign_settings(folder: Path) -> None:
    """Quantised weights need further packages and adapters other repositories: neither is what the card says."""
    settings = read_settings(folder / "config.json")
    if "quantization_config" in settings:
        raise WeightsError(f"{folder} is quantised, which is not read", "take the repository with plain weights")
    if (folder / "adapter_config.json").exists():
        raise WeightsError(f"{folder} is an adapter, not a model")


def _weight_files(folder: Path, variant: str | None) -> list[Path]:
    """The safetensors files of a part: of the variant if there are any, else the plain ones; [] if it has none."""
    for mark in (f".{variant}", "") if variant else ("",):
        for stem in STEMS:
            # a sharded model's list carries its variant before or behind the word index, as versions went
            for name in (f"{stem}.safetensors.index{mark}.json", f"{stem}{mark}.safetensors.index.json"):
                if (folder / name).is_file():
                    shards = read_settings(folder / name).get("weight_map")
                    if not isinstance(shards, dict) or not all(_is_plain(one) for one in shards.values()):
                        raise WeightsError(f"{folder / name}: damaged", "fetch it again")
                    return [folder / one for one in sorted(set(shards.values()))]
            if (folder / f"{stem}{mark}.safetensors").is_file():
                return [folder / f"{stem}{mark}.safetensors"]
    return []


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name


def file_bytes(file: Path, dtype: torch.dtype) -> int:
    """What the tensors of one safetensors file will take in `dtype`; 0 if it cannot be read."""
    return _elements(file) * dtype.itemsize


def _elements(path: Path) -> int:
    return sum(torch.Size(shape).numel() for shape in _header(path).values())


def _header(path: Path) -> dict[str, list[int]]:
    """The shapes of a safetensors file by name; none if it cannot be read, which the loading tells."""
    try:
        with path.open("rb") as file:
            header = parse_json(file.read(min(int.from_bytes(file.read(8), "little"), 1 << 27)))
        shapes = {name: one["shape"] for name, one in header.items() if name != "__metadata__"}
        if all(isinstance(side, int) and 0 <= side < 1 << 40 for shape in shapes.values() for side in shape):
            return shapes
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}
