"""The `genkit` command: commands mounted by name, imported when they are called, and one place where errors end.

A verb is a line in `genkit.verbs.VERBS`; another command is a line here and a module in `genkit/cli/` that holds `app`, a
`typer.Typer`.
Nothing here imports a command's module, torch or Rich before the command is known.
"""

from __future__ import annotations

import codecs
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from genkit.verbs import VERBS, Entry

CHAINS, MODELS, RESULTS, SETUP = "Chains", "Models", "Results", "Set-up"

COMMANDS = VERBS | {
    "run": Entry("run", CHAINS, "Run several verbs after one another, as a recipe says."),
    "jobs": Entry("jobs", CHAINS, "Run many calls of several verbs, a line each."),
    "watch": Entry("watch", CHAINS, "Take pictures through a recipe as they arrive in a folder."),
    "compare": Entry("compare", RESULTS, "Look at pictures of the same thing together: slider, differences, scores."),
    "probe": Entry("probe", RESULTS, "Say what is in films: streams, times, colours."),
    "sheet": Entry("sheet", RESULTS, "Lay pictures out with what made each of them."),
    "models": Entry("models", MODELS, "List, describe, fetch, check, remove and import models."),
    "train": Entry("train", MODELS, "Train a model on your own files."),
    "eval": Entry("eval", MODELS, "Measure a model on a data set, with the protocol."),
    "show": Entry("show", RESULTS, "Show how an output was made, and the command that makes it again."),
    "replay": Entry("replay", RESULTS, "Make an output again from what it says about itself."),
    "schema": Entry("schema", SETUP, "Print the options of verbs, events and recipes as JSON Schema, for programs."),
    "doctor": Entry("doctor", SETUP, "Show versions, devices and folders, and what would be slow and why."),
    "config": Entry("config", SETUP, "Read and change your own defaults."),
}

INTERRUPTED = 130


class Commands(TyperGroup):
    """The root group: it knows names and summaries, and imports a command only to run it or to show its help."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if self._listing:
            return TyperCommand(name=cmd_name, help=entry.summary)
        return load_command(cmd_name)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        self._listing = True  # names and summaries are all that completion of a command's name needs
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._listing = False

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            from genkit.errors import UsageError

            raise UsageError(f"there is no command {args[0]!r}", _near(args), code="unknown-command")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from genkit.cli import help as pages

        paint = pages.coloured()
        parts = [pages.usage(ctx, self, paint), pages.describe(self.help or "", paint)]
        for title in dict.fromkeys(entry.panel for entry in COMMANDS.values()):
            rows = [(name, entry.summary) for name, entry in COMMANDS.items() if entry.panel == title]
            parts.append(pages.panel(title, rows, paint))
        records = [parameter.get_help_record(ctx) for parameter in self.get_params(ctx)]
        parts.append(pages.panel("Options", [record for record in records if record], paint))
        parts.append(pages.describe(EPILOG, paint))
        parts += [f" Documentation: {page}\n"] if (page := pages.page_of("index")) else []
        formatter.write("\n".join(parts))


EPILOG = "Start with `genkit upscale photo.jpg`. Every command says more under `genkit COMMAND --help`."


def load_command(name: str) -> Any:
    """Import a command's module and build its command."""
    if name in VERBS:
        from genkit.cli.verbs import app_of

        command = typer.main.get_command(app_of(name))
    else:
        command = typer.main.get_command(import_module(f"genkit.cli.{COMMANDS[name].place}").app)
    command.name = name
    with_panels(command)
    return command


def with_panels(command: Any) -> None:
    """Let a command, and the commands in it, draw their help with our panels."""
    from genkit.cli import help as pages

    def format_help(ctx: Any, formatter: Any) -> None:
        formatter.write(pages.command_help(command, ctx))

    command.format_help = format_help
    command.context_settings = {**command.context_settings, "help_option_names": ["-h", "--help"]}
    for child in getattr(command, "commands", {}).values():
        with_panels(child)


app = typer.Typer(
    name="genkit",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Generative media on the command line: enlarge, colour, repair, restyle, translate and draw pictures, read texts.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from genkit.version import __version__

        typer.echo(f"genkit {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error (anywhere on the line).")] = False,
) -> None:
    """What belongs to no command. Both options have done their work before this is called."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Every error ends here, as a line and a way out."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug = "--debug" in before or bool(os.environ.get("GENKIT_DEBUG"))
    # Taken out here so that it may stand anywhere on the line, also after commands that do not declare it.
    arguments = [one for place, one in enumerate(arguments) if one != "--debug" or place >= len(before)]
    try:
        try:
            code = _dispatch(arguments)
            sys.stdout.flush()
        except (KeyboardInterrupt, typer.Abort):
            code = INTERRUPTED
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except BrokenPipeError:
            raise
        except Exception as error:  # the boundary: whatever a command raises becomes a line and an exit code
            if debug:
                import traceback

                traceback.print_exc()
            code = report(error, as_json="--json" in before, debug=debug, arguments=arguments)
    except BrokenPipeError:
        # Whoever read our output has gone; so have we. The null device keeps the interpreter's last flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    return code if isinstance(code, int) else 0


def run() -> NoReturn:
    """The `genkit` command: `main`, and then the end of the process.

    The interpreter's own end aborts the process where a thread is in the midst of C++ code, so it is left out while
    one of ours still works. Only the command does this: a program that calls `main` has an end of its own.
    """
    # Threads that spin while they wait for each other make everything several times slower as soon as another program takes a
    # core, and save nothing that shows on an idle machine (docs/measured.md). Read when torch loads its OpenMP library.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    code = main()
    if any(thread.name.startswith("genkit-") for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _open_streams() -> None:
    """Let any file name be told: one that is no valid text as its bytes, what the stream's encoding lacks as \\uXXXX."""
    from pathlib import Path

    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - whoever started us had closed it
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    codecs.register_error("genkit", _tell_anyhow)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="genkit")


def _tell_anyhow(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def _dispatch(arguments: list[str]) -> Any:
    if arguments and arguments[0] in COMMANDS and "_GENKIT_COMPLETE" not in os.environ:
        # Straight to the command: Typer loads pydantic (0.15 s) to look at the root's own options, which are not given here.
        command, prog, arguments = load_command(arguments[0]), f"genkit {arguments[0]}", arguments[1:]
    else:
        command, prog, arguments = typer.main.get_command(app), "genkit", arguments or ["--help"]
    return command.main(args=arguments, prog_name=prog, standalone_mode=False)


def report(error: Exception, *, as_json: bool, debug: bool, arguments: Sequence[str] = ()) -> int:
    """Say what went wrong, on stderr or as the last events of a JSON stream, and return the exit code."""
    from genkit.errors import GenkitError, system_error

    hint: str | None
    if isinstance(error, GenkitError):
        message, hint, name, code = error.message, error.hint, error.code, error.exit_code
    elif hasattr(error, "format_message"):  # typer's own: an unknown option, a missing value
        from genkit.cli.mistakes import told as words_for

        (message, hint), name, code = words_for(error, arguments), "usage", 2
    elif (told := system_error(error)) is not None:
        message, hint, name, code = told.message, told.hint, told.code, told.exit_code
    else:
        reason = " ".join(str(error).split()) or "no message"
        message, name, code = f"this is a bug in genkit: {type(error).__name__}: {reason}", "bug", 1
        hint = None if debug else "run it again with --debug for the traceback, and report it"
    if as_json:
        from genkit.run.report import write_event

        write_event("error", code=name, message=message, hint=hint)
        write_event("done", done=0, failed=0, skipped=0, exit=code)
    else:
        print(f"error: {message}", file=sys.stderr)
        if hint:
            print(f"hint: {hint}", file=sys.stderr)
    return code


def _near(args: Sequence[str]) -> str:
    from difflib import get_close_matches
    from pathlib import Path

    word = args[0]
    if near := get_close_matches(word, COMMANDS, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(f'genkit {one}' for one in near)}?"
    if Path(word).exists():
        return f"to enlarge it: genkit upscale {' '.join(args)}"
    return f"commands: {', '.join(COMMANDS)}"
