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

# Every word that `code` may be, with what it says; JSON events carry the word (a test holds the list).
CODES = {
    "absent": "a model is not here, and nothing may be fetched",
    "altered": "a file is not the one that was promised: its hash differs",
    "ambiguous-partner": "a folder has several files that go with one input",
    "bug": "a fault of genkit's own",
    "card": "a model's card is malformed",
    "collision": "two outputs would have one name",
    "damaged-frame": "a frame of a film cannot be decoded whole",
    "damaged": "a checkpoint or a download is damaged",
    "direction": "no such direction of the latent space",
    "directions": "a file of directions that does not fit",
    "empty-box": "nothing of the box lies in the picture",
    "engine": "a network does not run on the engine that was asked for",
    "error": "a failure without a word of its own",
    "exists": "something beside an output is there already",
    "file-as-text": "a file was given where a text belongs",
    "foreign": "an output is there that genkit did not make",
    "full-mask": "the mask covers the whole picture",
    "input": "an input cannot be read or worked on",
    "input-differs": "an input has changed since an output was made from it",
    "language": "the voice does not speak that language",
    "latent": "a file of a latent that cannot be used",
    "licence": "a licence has to be accepted first",
    "lora": "an adapter that does not fit the model",
    "map-size": "a map of regions of another size than its picture",
    "mask-size": "a mask of other proportions than its picture",
    "missing-input": "a file that was named is not there",
    "missing-partner": "no input has a file that goes with it",
    "missing-style": "nothing says which style",
    "model-option": "the model does not take that option",
    "name-taken": "a model of that name is there already",
    "negative-unheard": "the model does not look at a negative prompt",
    "no-alpha": "the picture has no transparency",
    "no-domain": "nothing says which kind of picture",
    "no-input": "there is nothing to work on",
    "no-mask": "a picture with transparency is given as a mask",
    "no-partner": "the file that goes with this input is missing",
    "no-recipe": "a file says nothing of how it was made",
    "no-space": "the disk has too little room",
    "not-a-checkpoint": "a file is no checkpoint of that kind",
    "not-a-map": "a picture is no map of regions",
    "not-recognised": "a checkpoint of no family that is known",
    "offline": "the network is needed, and was forbidden",
    "output": "an output cannot be written",
    "output-exists": "outputs are there already",
    "own-files": "a model of the user's own files, of which there is no copy",
    "pickle": "a pickle that is no network of that kind",
    "prompt-too-long": "a prompt is longer than the model reads",
    "refused": "a server refused a download",
    "region-missing": "one map has regions that the other has not",
    "replaces-input": "an output would replace an input",
    "requires": "an optional library is missing",
    "run": "the work itself failed",
    "settings": "settings beside a checkpoint are missing or wrong",
    "system": "the system refused a file or memory",
    "target": "an output cannot be written where it should go",
    "too-large": "a picture has more pixels than may be",
    "unfinished": "a stopped run left a part of it",
    "unknown-class": "the model has no such class",
    "unknown-command": "there is no such command",
    "unknown-domain": "the model makes no such kind of picture",
    "unknown-model": "there is no model of that name",
    "unknown-voice": "the model has no such voice",
    "unreachable": "a server cannot be reached",
    "unreadable": "a file cannot be read",
    "unsafe-address": "an address that is neither https nor of this machine",
    "no-text": "a picture, HTML or other bytes where a text should be",
    "unsupported": "a valid file that no decoder here reads",
    "usage": "a command or a call that cannot be carried out",
    "vae": "an autoencoder that does not fit the model",
    "voice": "a voice that cannot be used as asked",
    "weights": "weights that cannot be had",
    "weights-in-prompt": "the model takes no weights in prompts",
    "withheld": "the model's safety checker withheld a picture",
    "wrong-task": "a model of another verb",
}


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
