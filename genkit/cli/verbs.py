"""The command of a verb, made of its declaration: typer's signature, and from the parsed line to a `Call`."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit import verbs
from genkit.run import option
from genkit.run.verb import Verb

if TYPE_CHECKING:
    from genkit.run.call import Call


def app_of(name: str) -> typer.Typer:
    """A verb's command; where further verbs stand under it, a group that is the verb itself when none of them is named."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    further = verbs.commands_of(name)
    command = command_of(verbs.find(name), grouped=bool(further))
    if not further:
        app.command()(command)
        return app
    app.callback(invoke_without_command=True)(command)
    for each in further:
        app.command(name=each.rpartition(" ")[2])(command_of(verbs.find(each)))
    return app


def command_of(verb: type[Verb], *, grouped: bool = False) -> Callable[..., Any]:
    """A function with the verb's options as typer wants them."""
    own, shared = option.declared(verb), option.declared(verb.run_type)
    parameters = [_parameter(each) for each in sorted((*own, *shared), key=option.place)]
    if grouped:
        parameters.insert(0, inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))
    names = {each.name for each in own}

    def command(**values: Any) -> int | None:
        context = values.pop("context", None)
        if context is not None and context.invoked_subcommand is not None:
            refuse_before_command(context)
            return None
        from genkit.run.call import Call  # help does without it

        of_verb = {name: value for name, value in values.items() if name in names}
        of_run = {name: value for name, value in values.items() if name not in names}
        call = Call(verb(**of_verb), verb.run_type(**of_run))
        if of_run.get("sweep") or of_run.get("sheet"):
            from genkit.chain.sweeping import swept_call

            call = swept_call(call)
        return run(call)

    command.__name__ = verb.name.replace(" ", "_")
    command.__doc__ = inspect.cleandoc(verb.__doc__ or "")
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def run(call: Call) -> int:
    """Carry a call out as a command does, and return the exit code.

    Raises:
        GenkitError: the plan cannot start, or the model cannot be had.
    """
    from genkit.run.call import carry_out, reporting

    if (code := call.verb.listed(call.run)) is not None:
        return code
    context = call.verb.context(call.run)
    with reporting(call) as reporter:
        outcome = carry_out(call, reporter, context=context)
    if call.run.open:
        from genkit.cli.opening import open_results

        open_results([item.target for item in outcome.plan.items if item.target is not None])
    return outcome.exit_code


def _parameter(each: option.Declared) -> inspect.Parameter:
    facts = each.option
    kind: Any = types.GenericAlias(list, (each.kind,)) if each.several else each.kind
    kind = kind | None if each.optional else kind
    settings: dict[str, Any] = {"metavar": facts.metavar, "help": facts.help or None, "show_default": facts.shown}
    if facts.argument:
        info: Any = typer.Argument(**settings)
    else:
        # bounds in words of the option's own are checked with the option's other conditions, and said in those words
        limits: dict[str, Any] = {} if facts.bounds else {"min": _whole(each, facts.least), "max": _whole(each, facts.most)}
        make: Any = typer.Option
        complete = {"model": complete_model, "model option": complete_option}.get(facts.completes)
        info = make(*each.flags, rich_help_panel=facts.panel, autocompletion=complete, **settings, **limits)
    default = inspect.Parameter.empty if each.required else each.default
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _whole(each: option.Declared, bound: float | None) -> float | None:
    return int(bound) if bound is not None and each.kind is int else bound


def refuse_before_command(context: typer.Context) -> None:
    """Refuse options before a further command's name, which would be lost.

    Raises:
        UsageError: there is one.
    """
    from genkit.errors import UsageError

    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            group, command = context.command_path, context.invoked_subcommand
            spelled = max(parameter.opts, key=len)
            raise UsageError(f"options go behind the command: {group} {command} ... (before it stands {spelled})")


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Model names of the verb that is being typed."""
    from genkit import cards

    verb = ctx.info_name if ctx.info_name and cards.card_paths(ctx.info_name) else None
    return [name for name in cards.names(verb) if name.startswith(incomplete)]


def complete_option(ctx: typer.Context, incomplete: str) -> list[str]:
    """The keys (and choices) of `-O`, from the card of the model on the line or of the default one."""
    from genkit import cards
    from genkit.errors import GenkitError

    try:
        verb = str(ctx.info_name)
        card = cards.find(ctx.params.get("model") or cards.default_model(verb), verb)
    except GenkitError:
        return []
    texts = [f"{each.name}={choice}" for each in card.options for choice in (each.choices or ("",))]
    return [text for text in texts if text.startswith(incomplete)]
