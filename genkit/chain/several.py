"""One report of several calls: their events go on as they come, and their ends are added up to one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from genkit.run.report import Reporter


class SeveralReporter(Reporter):
    """Tells another reporter. `line` is that of the call in hand, where calls have lines."""

    says_how_to_go_on = False

    def __init__(self, reporter: Reporter):
        self._to = reporter
        self.as_json, self.quiet, self.hints = reporter.as_json, reporter.quiet, False
        self.line: int | None = None
        self.counts = dict.fromkeys(("done", "failed", "skipped", "left"), 0)
        self._begun = time.monotonic()

    def __call__(self, event: str, /, **fields: Any) -> None:
        if event == "done":
            for name in self.counts:
                self.counts[name] += fields.get(name) or 0
            return
        if self.line is not None:
            if self.as_json:
                fields["line"] = self.line
            elif event == "failed":
                fields["message"] = f"line {self.line}: {fields['message']}"
        if event != "plan" or self.as_json:
            self._to(event, **fields)

    def steps(self) -> Callable[[int, int], None] | None:
        return self._to.steps()

    def preview(self) -> Callable[[Any], None] | None:
        return self._to.preview()

    def finish(self, code: int) -> None:
        """The one end of all of them."""
        self._to("done", **self.counts, seconds=round(time.monotonic() - self._begun, 3), speed=None, exit=code)
