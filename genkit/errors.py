"""Every error genkit raises on purpose, and the exit code each one ends the program with.

GenkitError
 |- UsageError     exit 2: an unknown name, a wrong option, a plan that cannot start
 |- WeightsError   exit 3: weights that are unavailable, refused or corrupt
 |- InputError     exit 1: one input cannot be read or processed; the other inputs go on
 |- OutputError    exit 1: one output cannot be written; the other outputs go on
 '- RunError       exit 1: the work itself failed (out of memory on the last resort, a broken model)

Anything else that reaches the command line is a bug in genkit and is reported as one. Errors name options as they are typed:
`flag("mask_color")` is `--mask-color`.
"""

from __future__ import annotations


class GenkitError(Exception):
    """A failure that a user can act on.

    `message` names the thing and the reason in one line; `hint` is the way out in one line; `code` is the stable word that
    JSON events carry.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str | None = None, *, code: str | None = None, exit_code: int | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(GenkitError):
    code = "usage"
    exit_code = 2


class WeightsError(GenkitError):
    code = "weights"
    exit_code = 3


class InputError(GenkitError):
    code = "input"


class OutputError(GenkitError):
    code = "output"


class RunError(GenkitError):
    code = "run"


def system_error(error: Exception) -> GenkitError | None:
    """What the system refused, if it refused it a file or memory: that is no bug, although nobody foresaw the place."""
    if isinstance(error, MemoryError):
        return RunError(f"not enough memory ({' '.join(str(error).split()) or 'no more is known'})", "ask for a smaller result")
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return GenkitError(f"{error.filename}: {error.strerror}", "check the place and its permissions", code="system")
    return None


def flag(name: str) -> str:
    """How the option of that name is typed: `--mask-color` for `mask_color`, `-n` for `n`."""
    return f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
