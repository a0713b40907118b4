"""What is said of recipes: those that were saved, and what one comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genkit.run import call

if TYPE_CHECKING:
    from genkit.chain.graph import Graph
    from genkit.run.report import Reporter


def list_saved(*, as_json: bool) -> int:
    """Print the user's own recipes."""
    from genkit.chain import saved
    from genkit.run.report import write_event

    rows = list(saved.listing())
    for name, text in rows:
        if as_json:
            write_event("saved-recipe", name=name, summary=text, file=str(saved.saved_path(name)))
        else:
            print(f"{name:20}  {_printable(text)}")
    if as_json:
        write_event("done", done=len(rows), failed=0, skipped=0, exit=0)
    elif not rows:
        import sys

        print("note: none yet; --save NAME keeps a recipe", file=sys.stderr)
    return 0


def tell_checked(graph: Graph, reporter: Reporter) -> None:
    """Tell each step of a recipe that was found in order, and each output it gives an input."""
    steps: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        card = node.context.card
        steps.setdefault(
            f"{node.step.name} {card.name}",
            {
                "step": node.step.name,
                "verb": node.verb.name,
                "model": card.name,
                "state": call.state_of(card),
                "bytes": card.size,
            },
        )
    labels = [leaf.label for leaf in graph.leaves]
    if reporter.as_json:
        for step in steps.values():
            reporter("chain-step", **step)
        reporter("chain", name=graph.recipe.name, steps=len(steps), outputs=labels, parameters=_parameters(graph))
        reporter("done", done=0, failed=0, skipped=0, exit=0)
        return
    for step in steps.values():
        own = "" if step["step"] == step["verb"] else f" ({step['verb']})"
        print(f"{step['step']}{own}  {step['model']}, {step['state']}")
    for name, value in _parameters(graph).items():
        print(f"  ${name} = {_printable(str(value))}")
    what = f"{len(labels)} outputs of each input: {', '.join(labels)}" if len(labels) > 1 else "one output of each input"
    print(f"in order: {what}")
    say_missing(graph, reporter)


def say_missing(graph: Graph, reporter: Reporter) -> None:
    """Say which models would have to be fetched first, and how large they are."""
    for card in {node.context.card.name: node.context.card for node in graph.nodes}.values():
        if missing := call.not_here(card):
            reporter.say(missing)


def _parameters(graph: Graph) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, list) else value for name, value in graph.parameters.items()}


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
