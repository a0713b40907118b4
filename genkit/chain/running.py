"""A chain, planned and run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genkit.chain.graph import Graph, Node
from genkit.chain.plan import plan_chain
from genkit.chain.work import ChainWork
from genkit.run.verb import Context, Outcome, Verb

if TYPE_CHECKING:
    from genkit.chain.keep import Keep
    from genkit.run.batch import Counts
    from genkit.run.inputs import Found
    from genkit.run.report import Reporter
    from genkit.run.session import Session


def run_chain(
    verb: Verb,
    graph: Graph,
    context: Context,
    reporter: Reporter,
    session: Session,
    *,
    stop: threading.Event | None = None,
    keep: Keep | None = None,
    sheet: str | None = None,
    inputs: Sequence[Found] | None = None,
    data: bytes | None = None,
) -> Outcome:
    """Plan a chain over its inputs, and make what it asks for.

    Raises:
        GenkitError: the plan cannot start, or a model cannot be had.
    """
    from genkit.chain.telling import say_missing
    from genkit.run import call

    run = context.run
    graph.use(lambda node: _obtained(node, reporter))
    if sheet is not None:
        from genkit.chain.sheet import check_sheet

        check_sheet(sheet, overwrite=run.overwrite or run.resume)
    plan = plan_chain(graph, context.settings, reporter, inputs, data)
    call.say_plan(plan, run.quality, reporter)
    models = ", ".join(dict.fromkeys(node.context.card.name for node in graph.nodes))
    call.say_begin(plan, models, plan.seconds, reporter)
    stop = stop or threading.Event()
    work = ChainWork(verb, context, reporter, session, graph, plan, keep, stop)
    call.say_made_otherwise(work, plan, run, reporter)
    if run.dry_run:
        call.say_planned(plan, reporter)
        say_missing(graph, reporter)
        call.say_nothing_done(plan, plan.seconds, plan.unknown, reporter)
        return Outcome(plan, None, 0)

    def settled(counts: Counts) -> None:
        work.remember()
        if keep is not None and keep.found and not reporter.quiet:
            reporter.say(f"{keep.found} picture{'s' if keep.found > 1 else ''} of steps taken from {keep.folder}")
        if sheet is not None and counts.done + counts.skipped:
            from genkit.chain.sheet import write_sheet

            write_sheet(sheet, plan, reporter)

    counts, code = call.drive(plan, work, reporter, stop=stop, stopping=call.stopping_of(plan), settled=settled)
    return Outcome(plan, counts, code)


def _obtained(node: Node, reporter: Reporter) -> Context:
    from genkit.run.call import obtained

    return obtained(node.verb, node.context, reporter)
