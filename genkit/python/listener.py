"""Who is told what happens where a caller from Python asks: a function of theirs, or nobody but for warnings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from genkit.run.report import Reporter

Events = Callable[[dict[str, Any]], None]


class Listener(Reporter):
    """Tells a caller from Python: events go to `events`; without it, what is worth knowing becomes a warning."""

    def __init__(self, events: Events | None = None):
        self._events = events

    def __call__(self, event: str, /, **fields: Any) -> None:
        if self._events is not None:
            self._events({"event": event, **fields})
        elif event == "notice":
            about = f"{fields['input']}: " if fields.get("input") else ""
            warnings.warn(f"{about}{fields['message']}", stacklevel=2)
