"""PyAV, which reads and writes films, imported where it is needed."""

from __future__ import annotations

from typing import Any

from genkit.errors import OutputError

HINT = "play it in a media player: if that fails too, take another copy of the file"


def library() -> Any:
    """PyAV, with its libraries quiet.

    Raises:
        OutputError: it is not installed.
    """
    import os

    os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder talks on stderr else
    try:
        import av
    except ImportError as error:
        raise OutputError("films need PyAV", "pip install av", code="requires") from error
    # PyAV logs nothing unless told, and must not be: a decoder's thread that logs into Python waits for whoever waits for it
    return av
