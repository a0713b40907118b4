"""Models that have no card of their own: a hub repository, a diffusers folder, one checkpoint file.

Such a card is made when it is asked for. It says what is known without opening anything: where the files are and the options
that text-to-image pipelines have; which pipeline it is, the model's family finds out. None is verified.
"""

from __future__ import annotations

import re
from pathlib import Path

from genkit.cards.card import Card, CardFile, Folder, Hub, Option
from genkit.cards.places import user_folder
from genkit.errors import UsageError

TASKS = ("txt2img",)
HUB = re.compile(r"hub:([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w.-]+))?")
# The weights in full, as safetensors: not their variants in half precision, and never a pickle or code.
PATTERNS = (
    "model_index.json",
    "*/*.json",
    "*/*.txt",
    "*/*.jinja",
    "*/*.model",
    "*/model.safetensors",
    "*/diffusion_pytorch_model.safetensors",
    "*/model-0*-of-0*.safetensors",
    "*/diffusion_pytorch_model-0*-of-0*.safetensors",
)
OPTIONS = (
    Option("negative", "str", help="what not to draw; empty: as the pipeline has it"),
    Option("steps", "int", None, 1, 1000, help="as the pipeline has it, unless told"),
    Option("guidance", "float", None, 0.0, 50.0, help="as the pipeline has it, unless told"),
    Option("safety", "bool", True, help="withhold what a safety checker flags, where the folder has one"),
)


def card_of_source(name: str, task: str | None) -> Card | None:
    """A card for `hub:OWNER/NAME@REVISION` (`weights.pinned` finds the commit where none is given), a folder with
    model_index.json or a .safetensors file; None for a bare word, which is a card's name before it is a folder's
    (`card_of_folder`).

    What lies here is named `./NAME`: recipes must tell no place of this machine, and not be taken for a card of that name.

    Raises:
        UsageError: a source that is written wrongly or is not what it should be, or a verb that takes none.
    """
    if not (name.startswith("hub:") or name.endswith(".safetensors") or "/" in name or "\\" in name):
        return None
    if task is not None and task not in TASKS:
        raise UsageError(f"--model {name}: genkit {task} takes models by name", f"genkit models list --task {task}")
    if name.startswith("hub:"):
        return _of_hub(name)
    path = Path(name).expanduser()
    if path.is_dir():
        if not _is_pipeline(name):
            raise UsageError(f"{path}: no model_index.json, so no diffusers folder", "name the folder that holds it")
        return _card(f"./{path.resolve().name}", str(path), folder=Folder(str(path.resolve())))
    if path.is_file() and path.suffix == ".safetensors":
        return _card(f"./{path.name}", str(path), files={"weights": CardFile("weights", str(path.resolve()))})
    if path.is_file():
        raise UsageError(
            f"{path}: a model is a diffusers folder or a .safetensors file", "pickles (.ckpt, .bin, .pt) are not opened"
        )
    raise UsageError(f"--model {name}: no such folder or file", "a name from genkit models list, or hub:OWNER/NAME@REVISION")


def card_of_folder(name: str, task: str | None) -> Card | None:
    """A card for a folder of that name, a bare word that no card has; None where it is no diffusers folder."""
    return card_of_source(f"./{name}", task) if _is_pipeline(name) else None


def _of_hub(name: str) -> Card:
    found = HUB.fullmatch(name)
    if found is None:
        raise UsageError(f"--model {name}: expected hub:OWNER/NAME@REVISION", "the revision is a commit or a branch")
    repo, revision = found.group(1), found.group(2) or "main"
    return _card(name, f"https://huggingface.co/{repo}", hub=Hub(repo, revision, PATTERNS))


def _card(
    name: str, source: str, *, hub: Hub | None = None, folder: Folder | None = None, files: dict[str, CardFile] | None = None
) -> Card:
    return Card(
        name=name,
        tasks=TASKS,
        family="diffusers",
        toml=user_folder() / TASKS[0] / "on-the-spot.toml",
        origin="user",
        summary=f"Given as {source}.",
        licence="unknown",
        commercial=None,
        source=source,
        verified=False,
        dtypes=("bfloat16", "float16", "float32"),
        options=OPTIONS,
        files=files or {},
        hub=hub,
        folder=folder,
    )


def _is_pipeline(name: str) -> bool:
    return (Path(name).expanduser() / "model_index.json").is_file()
