"""The sheet of a chain's outputs: what it varies at its columns and rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.chain.plan import ChainPlan
    from genkit.run.report import Reporter


def check_sheet(sheet: str, *, overwrite: bool) -> None:
    """Refuse a sheet that cannot be written, before anything is made.

    Raises:
        UsageError: a format that is none, or a file that is there.
    """
    from genkit.view.targets import check_target

    check_target(Path(sheet), "--sheet", ("html",), overwrite=overwrite)


def write_sheet(sheet: str, plan: ChainPlan, reporter: Reporter) -> None:
    """Lay out what was made: a column for each value of what varies last, a row for all else."""
    from genkit.view.sheets import write_page, write_picture

    made = [
        (item.target, leaf, source)
        for item, leaf, source in zip(plan.items, plan.leaves, plan.sources, strict=True)
        if item.target is not None and item.target.is_file() and item.size is not None
    ]
    paths = [target for target, _, _ in made if target is not None]
    if Path(sheet).suffix.lower() == ".html":
        write_page(paths, Path(sheet), reporter.say)
    else:
        inputs = {id(source) for _, _, source in made}
        facts = [
            ({"input": source.found.relative.name} if len(inputs) > 1 else {}) | dict(leaf.axes) for _, leaf, source in made
        ]
        across = list(made[0][1].axes)[-1:] if made else []
        columns = len({leaf.axes.get(across[0]) for _, leaf, _ in made}) if across else None
        write_picture(paths, Path(sheet), reporter.say, facts=facts, columns=columns)
    reporter("saved", input="the sheet", output=sheet)
    if not reporter.as_json:
        reporter.say(f"the sheet: {sheet}")
