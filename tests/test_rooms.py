"""The table of rooms in CONTRIBUTING.md, held over the syntax trees; file lengths; names that say nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "genkit"
FILES = sorted(PACKAGE.rglob("*.py"))

BELOW = {"cards", "config", "files", "errors"}
ALLOWED = {
    "errors": set(),
    "files": set(),
    "version": set(),
    "cards": {"config", "files", "errors"},
    "config": {"files", "errors"},
    "weights": BELOW,
    "runtime": {"cards", "errors"},
    "engine": {"runtime", "weights"} | BELOW,
    "media": BELOW,
    "nets": set(),
    "pixels": {"nets", "engine", "runtime", "cards", "errors"},
    "text": {"nets", "runtime", "cards", "files", "errors"},
    "data": {"pixels", "media", "text", "nets", "cards", "files", "errors"},
    "models": {"text", "nets", "engine", "weights", "runtime", "cards", "files", "errors"},
    "run": {"media", "models", "engine", "weights", "runtime", "cards", "config", "files", "errors", "version"},
    "verbs": {"run", "pixels", "text", "media", "nets", "engine", "runtime", "cards", "files", "errors"},
    "view": {"evaluate", "run", "pixels", "media", "files", "errors"},
    "chain": {"view", "verbs", "run", "media", "cards", "config", "files", "errors", "version"},
    "evaluate": {"verbs", "models", "data", "pixels", "text", "media", "nets", "engine", "weights", "runtime"},
}
ALLOWED["evaluate"] |= BELOW - {"config"}
ALLOWED["train"] = ALLOWED["evaluate"] | {"evaluate", "files"}
ANYTHING = {"cli", "__init__", "__main__", "python"}
SHAPES = "genkit.models.shapes"  # types that these rooms may name, and nothing else of that room
NAMES_SHAPES = {"pixels", "run", "verbs"}
LIGHT = (
    "chain",
    "cli",
    "cards",
    "errors",
    "files",
    "config",
    "runtime",
    "run",
    "media/recipe",
    "models/shapes",
    "__init__",
    "python",
    "verbs/__init__",
    "view",
    "version",
    "weights",
)
NOT_FOR_HELP = {"run/callers"}
HEAVY = {
    "torch",
    "numpy",
    "PIL",
    "rich",
    "torchvision",
    "spandrel",
    "imagecodecs",
    "huggingface_hub",
    "accelerate",
    "safetensors",
}
LIBRARIES_OF_MODELS = {"diffusers", "transformers", "spandrel"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def _room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path, *, top_only: bool = False) -> list[tuple[str, int]]:
    """(module, line); with `top_only` just those that run when the module is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[tuple[str, int]] = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if top_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if top_only and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, child.lineno) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
                found.append((child.module, child.lineno))
                found.extend((f"{child.module}.{alias.name}", child.lineno) for alias in child.names)
            visit(child)

    visit(tree)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_room_imports_only_what_the_table_allows(path: Path):
    room = _room(path)
    if room in ANYTHING:
        return
    allowed = ALLOWED[room] | {room}
    wrong = []
    for module, line in _imports(path):
        parts = module.split(".")
        if f"{module}.".startswith(f"{SHAPES}.") and room in NAMES_SHAPES:
            continue
        known = parts[0] == "genkit" and len(parts) > 1
        if known and parts[1] not in allowed and ((PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file()):
            wrong.append(f"line {line}: {module}")
        if parts[0] in LIBRARIES_OF_MODELS and room != "models":
            wrong.append(f"line {line}: {module} lives in models only")
        if parts[0] == "click":
            wrong.append(f"line {line}: typer carries its own click")
    assert not wrong, wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_help_needs_imports_nothing_heavy(path: Path):
    place = path.relative_to(PACKAGE).with_suffix("").as_posix()
    if place in NOT_FOR_HELP or not any(place == light or place.startswith(f"{light}/") for light in LIGHT):
        return
    heavy = [f"line {line}: {module}" for module, line in _imports(path, top_only=True) if module.split(".")[0] in HEAVY]
    assert not heavy, heavy


def test_files_stay_short():
    long = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long, long


def test_names_say_something():
    assert not [path for path in PACKAGE.rglob("*") if path.stem in EMPTY_NAMES]


def _modules(path: Path, known: set[str]) -> set[str]:
    """The modules that are imported, for types alone too; of `from package import module` that is the module."""
    found = {module for module, _ in _imports(path) if module in known}
    return {module for module in found if not any(other.startswith(f"{module}.") for other in found)}


def test_no_modules_import_each_other_in_a_circle():
    """Over all imports: those inside functions and those for types alone, too."""
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}
    known = set(names.values())
    arrows = {name: _modules(path, known) - {name} for path, name in names.items()}
    circles: list[str] = []
    state: dict[str, int] = {}

    def visit(name: str, trail: list[str]) -> None:
        state[name] = 1
        for other in sorted(arrows[name]):
            if state.get(other) == 1:
                circles.append(" -> ".join([*trail[trail.index(other) :], other]))
            elif other not in state:
                visit(other, [*trail, other])
        state[name] = 2

    for name in sorted(arrows):
        if name not in state:
            visit(name, [name])
    assert not circles, circles


def test_the_table_in_contributing_names_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`genkit/(\w+?)(?:/|\.py)`", text))
    rooms = {_room(path) for path in FILES} - {"__main__"}
    assert rooms <= named, rooms - named
