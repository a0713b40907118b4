"""`--sweep` of a verb: the call as a chain of one step, of which an option has several values."""

from __future__ import annotations

from typing import Any

from genkit.chain.declaration import RunChain
from genkit.chain.recipe import RUN_OPTIONS, FromUser, Origin, Recipe, Step, with_names
from genkit.errors import UsageError
from genkit.run import option
from genkit.run.call import Call, from_values
from genkit.run.settings import ChainRun


def swept_call(call: Call) -> Call:
    """The chain that makes what a call asks for once for each of the values; a call that sweeps nothing as it is.

    Raises:
        UsageError: `--sheet` without `--sweep`, or what no chain takes.
    """
    run: Any = call.run
    sheet = getattr(run, "sheet", None)
    if isinstance(run, ChainRun) or not (run.sweep or sheet):
        return call
    if not run.sweep:
        raise UsageError("--sheet lays out what --sweep varies", "--sweep NAME=VALUE,VALUE; or genkit sheet, for what is there")
    chosen = {each.name: value for each, value in option.given(call.run)}
    of_step = {each.name: value for each, value in option.given(call.verb)}
    of_step |= {name: chosen.pop(name) for name in RUN_OPTIONS if name in chosen}
    del chosen["sweep"]
    chosen.pop("sheet", None)
    step = Step("", type(call.verb), {name: _from_user(value) for name, value in of_step.items()}, None, ("step", 0), Origin())
    of_run = from_values(RunChain, chosen).run
    return Call(RunChain(sweep=run.sweep, sheet=sheet, recipe=Recipe("", with_names([step]))), of_run)


def _from_user(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_from_user(one) for one in value]
    return FromUser(value) if isinstance(value, str) else value
