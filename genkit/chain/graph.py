"""What a recipe comes to: the calls of its steps as a tree, and the chains through it that end in an output.

Everything that multiplies (branches, lists, sweeps) gives chains of their own; what several have in common is one node,
worked once for each input.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.chain.placeholder import Placeholder
from genkit.chain.recipe import INPUT, Recipe, Step, nearest
from genkit.chain.sandbox import names_paths, placed
from genkit.chain.values import (
    Several,
    Varied,
    alternatives,
    assignments,
    filled,
    named_picture,
    options_of,
    parameter_values,
)
from genkit.errors import GenkitError, UsageError
from genkit.files import slug
from genkit.run import call, option
from genkit.run.verb import Context, DrawingVerb, PictureVerb, SpeechVerb, Verb

if TYPE_CHECKING:
    from genkit.run.drawn import Outputs
    from genkit.run.settings import ChainRun

LONGEST_LABEL = 60
TEXTS = "source"  # the option of verbs that speak which names texts


@dataclass(frozen=True, eq=False)
class Node:
    """A call of a verb on the picture of another (`source`; None is the input, or nothing where it draws). `pictures` are those
    of this chain that its options take for files, by option: a node's, or None for the input's. `outputs` are what it draws."""

    step: Step
    verb: Verb
    context: Context
    source: Node | None
    pictures: Mapping[str, Node | None] = field(default_factory=dict)
    outputs: Outputs | None = None

    @property
    def needs(self) -> list[Node]:
        return [one for one in (self.source, *self.pictures.values()) if one is not None]

    @property
    def chain(self) -> list[Node]:
        """It and all that it is made from, in the order in which they are made."""
        found: list[Node] = []

        def add(node: Node) -> None:
            for one in node.needs:
                add(one)
            if node not in found:
                found.append(node)

        add(self)
        return found

    @property
    def takes_input(self) -> bool:
        return any(
            isinstance(one.verb, PictureVerb) and (one.source is None or None in one.pictures.values()) for one in self.chain
        )


@dataclass(frozen=True, eq=False)
class Leaf:
    """A chain that ends in an output. `label` tells it from the others; `axes` are what it varies, by name."""

    node: Node
    label: str
    axes: Mapping[str, str]


class Graph:
    """The tree of a recipe for a run: every call is checked, and no model is loaded.

    Raises:
        UsageError: something in it cannot be; names the file, line and key.
    """

    def __init__(self, recipe: Recipe, run: ChainRun):
        self.recipe, self.run = recipe, run
        self.placeholder = Placeholder()
        self._nodes: dict[str, Node] = {}
        self._keys: dict[Node, str] = {}
        self._contexts: dict[Any, Any] = {}
        self.reads_texts = False  # whether the inputs of the run are texts
        self.parameters = parameter_values(recipe)
        self.leaves = self._expand()

    @property
    def nodes(self) -> list[Node]:
        return list(dict.fromkeys(node for leaf in self.leaves for node in leaf.node.chain))

    def use(self, change: Callable[[Node], Context]) -> None:
        """Give every node another context: that of the release of its model that is to be had."""
        changed = {node: change(node) for node in self.nodes}
        if all(context is node.context for node, context in changed.items()):
            return
        made: dict[Node, Node] = {}

        def remade(node: Node | None) -> Node | None:
            if node is not None and node not in made:
                pictures = {name: remade(one) for name, one in node.pictures.items()}
                made[node] = dataclasses.replace(node, context=changed[node], source=remade(node.source), pictures=pictures)
            return None if node is None else made[node]

        for leaf in self.leaves:
            remade(leaf.node)
        self.leaves = [dataclasses.replace(leaf, node=made[leaf.node]) for leaf in self.leaves]

    def _expand(self) -> list[Leaf]:
        varied = list(self._varied())
        found: dict[tuple[Node, str], Leaf] = {}
        for chosen in assignments(varied, self.recipe):
            for branch, node in self._ends(chosen):
                relevant = self._axes(chosen, node)
                axes = ({"branch": branch} if branch and len(self.recipe.branches) > 1 else {}) | relevant
                label = "_".join(value if name == "branch" else f"{name}{_short(value)}" for name, value in axes.items())
                found.setdefault((node, branch), Leaf(node, label, axes))
        return _with_own_labels(list(found.values()))

    def _varied(self) -> Iterator[Varied]:
        for name, value in self.parameters.items():
            if isinstance(value, Several):
                yield Varied("", name, value)
        for step in self.recipe.every:
            for key, value in step.values.items():
                if len(several := alternatives(step, key, value)) > 1:
                    yield Varied(step.name, key, several)

    def _axes(self, chosen: Mapping[tuple[str, str], Any], end: Node) -> dict[str, str]:
        """What was chosen for this chain, by a name that tells it from the others."""
        steps = {node.step.name: node.step for node in end.chain}
        used = {value[1:] for step in steps.values() for value in _texts(step.values) if value.startswith("$")}
        found = {}
        for (step, key), value in chosen.items():
            if (step in steps) if step else (key in used):
                plain = key if [one for _, one in chosen].count(key) == 1 else f"{step}-{key}"
                found[plain] = _text(value)
        return found

    # --- chains -------------------------------------------------------------------------------------------------------

    def _ends(self, chosen: Mapping[tuple[str, str], Any]) -> Iterator[tuple[str, Node]]:
        scope: dict[str, Node] = {}
        end: Node | None = None
        for number, step in enumerate(self.recipe.steps):
            end = scope[step.name] = self._node(step, chosen, end, scope, begins=not number)
        if not self.recipe.branches:
            assert end is not None
            yield "", end
        for branch in self.recipe.branches:
            inner = dict(scope)
            last = end if branch.start is None else self._named(branch.steps[0], "from", branch.start, scope)
            for number, step in enumerate(branch.steps):
                begins = not number and last is None and branch.start is None
                last = inner[step.name] = self._node(step, chosen, last, inner, begins=begins)
            assert last is not None
            yield branch.name, last

    def _named(self, step: Step, key: str, name: str, scope: Mapping[str, Node]) -> Node | None:
        """The node of a step, None for the input."""
        if name == INPUT:
            return None
        if name not in scope:
            later = name in [one.name for one in self.recipe.every]
            reason = f"step {name} does not come before it" if later else f"there is no step {name!r}"
            raise step.error(key, reason, nearest(name, scope) or "$input is the input")
        return scope[name]

    def _node(
        self, step: Step, chosen: Mapping[tuple[str, str], Any], last: Node | None, scope: Mapping[str, Node], *, begins: bool
    ) -> Node:
        source = last if step.start is None else self._named(step, "from", step.start, scope)
        if source is not None and isinstance(source.verb, SpeechVerb):
            raise source.step.error(
                "verb", f"{source.verb.name} ends a chain", f"nothing comes after it: leave out {step.name}"
            )
        if not issubclass(step.verb, (PictureVerb, DrawingVerb, SpeechVerb)):
            raise step.error("verb", f"{step.verb.name} makes no picture of a picture", "it is a command of its own")
        if issubclass(step.verb, DrawingVerb) and not (begins and step.start is None):
            raise step.error("verb", f"{step.verb.name} draws a picture, and can only begin a chain")
        parameters = {key: chosen.get(("", key), value) for key, value in self.parameters.items()}
        values: dict[str, Any] = {}
        pictures: dict[str, Node | None] = {}
        for key, written in step.values.items():
            value = chosen.get((step.name, key), written)
            value = value[0] if isinstance(value, Several) else value
            if len(one := alternatives(step, key, value)) == 1:
                value = one[0]
            value = filled(step, key, value, parameters)
            if value == "$input" and key == TEXTS and issubclass(step.verb, SpeechVerb):
                values[key] = self._texts()
                continue
            name = named_picture(value[0] if isinstance(value, list) and len(value) == 1 else value)
            if name is not None:
                each = self._declared(step, key)
                if not each.option.file or each.option.file == "list" or issubclass(step.verb, DrawingVerb):
                    raise step.error(key, f"{value} is a picture, and {key} takes none of a chain")
                pictures[key] = self._named(step, key, name, scope)
                values[key] = [str(self.placeholder.path)] if each.several else str(self.placeholder.path)
            else:
                values[key] = self._value(step, key, value)
        described = json.dumps([step.verb.name, values], sort_keys=True, default=str)
        others = [(key, self._keys.get(node) if node else "") for key, node in pictures.items()]
        identity = json.dumps([described, self._keys[source] if source else "", others])
        if identity not in self._nodes:
            node = self._made(step, values, source, pictures, described)
            self._nodes[identity] = node
            self._keys[node] = str(len(self._keys) + 1)
        return self._nodes[identity]

    def _texts(self) -> list[str]:
        """The files that are read aloud: those of the run."""
        self.reads_texts = True
        return list(self.run.paths or ()) or [str(self.placeholder.text)]

    def _declared(self, step: Step, key: str) -> option.Declared:
        known = options_of(step)
        if key not in known:
            if key in {each.name for each in option.declared(step.verb.run_type)}:
                raise step.error(
                    key,
                    "belongs to the whole run, and to no step",
                    f"--{key.replace('_', '-')} on the command line, or [output]",
                )
            raise step.error(key, f"{step.verb.name} has no option {key}", nearest(key, known))
        return known[key]

    def _value(self, step: Step, key: str, value: Any) -> Any:
        each = self._declared(step, key)
        if isinstance(value, dict):
            if key != "model_options":
                raise step.error(key, "expected a value, not a table")
            value = [f"{name}={_text(one)}" for name, one in value.items()]
        value = placed(step, key, value)
        if isinstance(value, str) and not names_paths(each) and value.startswith("$") and named_picture(value):
            raise step.error(key, f"{value} is a picture, and {key} takes none")
        try:
            accepted = each.accept(value)
            each.check(accepted)
        except UsageError as error:
            raise step.error(key, error) from None
        except (TypeError, ValueError):
            raise step.error(key, f"expected {option.WORDS[each.kind]}, not {value!r}") from None
        return value

    def _made(
        self, step: Step, values: dict[str, Any], source: Node | None, pictures: Mapping[str, Node | None], described: str
    ) -> Node:
        if described not in self._contexts:
            self._contexts[described] = self._call(step, values)
        verb, context, outputs = self._contexts[described]
        return Node(step, verb, context, source, pictures, outputs)

    def _call(self, step: Step, values: dict[str, Any]) -> tuple[Verb, Context, Outputs | None]:
        """A step's call, checked as the verb's own command checks it.

        Raises:
            UsageError: it cannot be.
        """
        run = self.run
        shared: dict[str, Any] = {"accept_licence": run.accept_licence, "device": run.device, "engine": run.engine}
        shared["dtype"] = values.get("dtype") or run.dtype
        if issubclass(step.verb, PictureVerb):
            shared |= {"paths": ["-"], "max_pixels": run.max_pixels}
        if issubclass(step.verb, SpeechVerb):
            # a seed that is drawn at random would make every run another one
            shared |= {"output": run.output, "name": run.name, "seed": values.get("seed", 0), "overwrite": run.overwrite}
            shared |= {"resume": run.resume, "sidecar": run.sidecar, "strip_metadata": run.strip_metadata}
        outputs = None
        try:
            made = call.from_values(step.verb, {**values, **{key: value for key, value in shared.items() if value is not None}})
            verb = made.verb
            context = verb.context(made.run)
            if isinstance(verb, DrawingVerb):
                outputs = verb.outputs(context)
        except GenkitError as error:
            raise step.error(_key_of(error, values), error) from None
        if isinstance(verb, PictureVerb):
            if (verb.variants(context) or 1) > 1:
                raise step.error("candidates", "a step gives one picture", "give seed a list instead: seed = [0, 1, 2]")
            if verb.beside(context).marks:
                raise step.error("save_steps", "a step leaves nothing beside an output", "leave it out")
        elif outputs is not None:
            if any(each.film for each in outputs.outputs):
                raise step.error("", "a film is no picture that a chain can go on with")
            if outputs.suffixes or any(each.marks for each in outputs.outputs):
                raise step.error("", "a step leaves nothing beside an output", "leave out what is to be saved")
        return verb, context, outputs


def _key_of(error: GenkitError, values: Mapping[str, Any]) -> str:
    """The option that an error of the verb's is about, where it is one that the step gives."""
    for flag in re.findall(r"(?<![\w-])--?([A-Za-z][\w-]*)", error.message):
        name = {"O": "model_options"}.get(flag, flag.replace("-", "_"))
        if name in values:
            return name
    return "model" if "model" in values and error.code in ("unknown-model", "wrong-task") else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(map(_text, value)) if isinstance(value, (list, tuple)) else str(value)


def _short(text: str) -> str:
    """A value as a part of a name: of a file its stem."""
    stem = Path(text).stem if re.search(r"\.[A-Za-z][A-Za-z0-9]{1,10}$", text) else text
    return slug(stem, keep="._-", most=24) if stem[:1].isdigit() else f"-{slug(stem, keep='._', most=24)}"


def _with_own_labels(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Labels that differ; none where there is one chain."""
    if len(leaves) == 1:
        return [dataclasses.replace(leaves[0], label="")]
    seen: dict[str, int] = {}
    found = []
    for leaf in leaves:
        label = leaf.label[:LONGEST_LABEL] or "plain"
        seen[label] = seen.get(label, 0) + 1
        found.append(dataclasses.replace(leaf, label=label if seen[label] == 1 else f"{label}-{seen[label]}"))
    return found
