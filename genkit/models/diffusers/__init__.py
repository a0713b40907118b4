"""Pipelines of the diffusers library, from local folders laid out as their repositories are.

`pipelines` lists what runs, `loading` opens a folder strictly, `settings` turns a card's options into arguments, `offload`
decides where the parts live, `runner` calls it, and one adapter for each shape makes it a callable: `fill` for `genkit
inpaint`, `edit` for `genkit translate`, `draw` for `genkit txt2img`.

A card says `params.pipeline` (the class) and, where the repository has lighter files, `params.variant`; `limits.size` is the
side of a picture that the model was trained at; `options` are those of `settings`. diffusers and transformers are imported
when a model is loaded, not before, and only the classes that the pipeline is made of.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError, WeightsError

if TYPE_CHECKING:
    import torch

    from genkit.cards import Card
    from genkit.models.diffusers.draw import Draw
    from genkit.models.diffusers.edit import Editor
    from genkit.models.diffusers.fill import Painter
    from genkit.models.diffusers.pipelines import Kind
    from genkit.models.txt2img.latent_draw import LatentDraw


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """A pipeline is a folder of several networks; no single state dict is one."""
    return None


def load(
    card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype
) -> Painter | Editor | Draw | LatentDraw:
    """Open the folder `files["root"]` with the pipeline that the card names.

    Raises:
        WeightsError: a pipeline that genkit does not drive, or a folder that is not whole; names it and what is missing.
        UsageError: a number format that the card does not list.
        RunError: the weights do not fit into main memory.
    """
    from genkit.models.diffusers.settings import kind_of

    word = str(dtype).removeprefix("torch.")
    if word not in (*card.dtypes, "float32"):  # which is never wrong, and what remains where a device lacks the others
        raise UsageError(f"{card.name} does not run in {word}", f"--dtype {' or '.join(card.dtypes)}")
    if part := card.params.get("part"):
        from genkit.models.diffusers.parts import FLAGS

        raise UsageError(
            f"{card.name} is no model of its own", f"it goes with one, as {FLAGS.get(str(part), part)} {card.name}"
        )
    single = files.get("weights")
    if "root" not in files and single is None:
        raise WeightsError(f"{card.name}: the card names no repository", "a diffusers card has a [hub] table", code="card")
    # read when diffusers is imported; no code from a repository is run here in any case, this is a second lock
    os.environ.setdefault("DIFFUSERS_DISABLE_REMOTE_CODE", "1")
    from genkit.models.diffusers.loading import read_index
    from genkit.models.diffusers.uncarded import settle

    settled = settle(card, files)
    card, folder = settled.card, settled.folder
    for note in settled.notes:  # of a model that nobody asked about before
        warnings.warn(note, stacklevel=2)
    kind = kind_of(card)
    read_index(folder, kind)
    if _is_own(card, kind, files, dtype):
        from genkit.models.txt2img.latent_draw import LatentDraw
        from genkit.models.txt2img.own_folder import is_own

        if is_own(folder):
            from genkit.models.txt2img.latent_networks import read

            library = partial(_by_library, card, kind, files, folder, device, dtype)
            return LatentDraw(read(folder), card, kind, folder, library, device=device)
    return _by_library(card, kind, files, folder, device, dtype)


def _is_own(card: Card, kind: Kind, files: Mapping[str, Path], dtype: torch.dtype) -> bool:
    """Whether it may be a folder that genkit trained, in the format in which its networks are our own."""
    plain = not {"variant", "prediction", "scheduler"} & set(card.params) and "weights" not in files
    return plain and kind.name == "StableDiffusionPipeline" and kind.shape == "draw" and dtype.itemsize == 4


def _by_library(
    card: Card, kind: Kind, files: Mapping[str, Path], folder: Path, device: torch.device, dtype: torch.dtype
) -> Any:
    from genkit.models.diffusers.edit import Editor
    from genkit.models.diffusers.fill import Painter
    from genkit.models.diffusers.loading import file_bytes, open_pipeline, open_single, weight_bytes
    from genkit.models.diffusers.offload import refuse_what_does_not_fit
    from genkit.models.diffusers.runner import Runner

    single, variant = files.get("weights"), card.params.get("variant")
    if single is not None:
        refuse_what_does_not_fit(card.name, [file_bytes(single, dtype)], dtype)
        pipeline = open_single(single, folder, kind, dtype)
    else:
        refuse_what_does_not_fit(card.name, weight_bytes(folder, dtype, variant).values(), dtype)
        pipeline = open_pipeline(folder, kind, dtype, variant=variant)
    if prediction := card.params.get("prediction"):
        from genkit.models.diffusers.schedulers import ordinary

        pipeline.scheduler = ordinary(pipeline.scheduler, str(prediction), bool(card.params.get("zero_snr")))
    if name := card.params.get("scheduler"):
        from genkit.models.diffusers.schedulers import set_scheduler

        set_scheduler(pipeline, str(name), card.name)
    runner = Runner(pipeline, kind, card, device=device, dtype=dtype)
    if kind.shape == "draw":
        from genkit.models.diffusers.draw import Draw

        return Draw(runner, window=card.limits.get("window"))
    return Painter(runner) if kind.shape == "fill" else Editor(runner)
