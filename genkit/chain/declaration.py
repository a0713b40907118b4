"""`run`: calls of several verbs after one another."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.chain.recipe import Recipe
from genkit.errors import UsageError
from genkit.run.option import OUTPUT, option
from genkit.run.settings import SHEET, SWEEP, ChainRun, Run, settings_of
from genkit.run.verb import Context, Outcome, SeveralVerbs

if TYPE_CHECKING:
    from genkit.chain.graph import Graph
    from genkit.chain.keep import Keep
    from genkit.run.report import Reporter
    from genkit.run.session import Session

RECIPE = "Recipe"


@dataclass(frozen=True)
class RunChain(SeveralVerbs):
    """Run several verbs after one another, as a recipe says: each model is loaded once, and pictures go from step to step in
    memory, with 16 bits, transparency and metadata.

    RECIPE is a TOML file, a recipe that was saved, or an output of genkit, which does to others what was done to it.

    \b
      genkit run restore.toml album -r -o restored/
      genkit run -c 'colorize | upscale -s 2' photo.jpg
      genkit run -c 'colorize | upscale -s 2' --save old photo.jpg
      genkit run old other.jpg --set scale=4
      genkit run photo_old.png others/ -o out/
      genkit run -c style p.jpg --sweep style=a.jpg,b.jpg --sheet s.png
    """

    command: str | None = option(
        None, "The steps themselves: 'colorize | upscale -s 2'.", panel=RECIPE, flags=("-c",), metavar="STEPS", shown=False
    )
    settings: list[str] | None = option(
        None,
        "Give a parameter of the recipe, or an option of a step (upscale.scale), a value; may be repeated.",
        panel=RECIPE,
        flags=("--set",),
        metavar="NAME=VALUE",
        shown=False,
    )
    sweep: list[str] | None = option(None, SWEEP, panel=RECIPE)
    sheet: str | None = option(None, SHEET)
    save: str | None = option(
        None, "Keep the recipe, with the files that it names, among your own.", panel=RECIPE, metavar="NAME", shown=False
    )
    list_recipes: bool = option(False, "List your own recipes; run nothing.", panel=RECIPE, flags=("--list",), terminal=True)
    check_only: bool = option(
        False, "Check the recipe, and say what its steps are and which models they take.", panel=RECIPE, flags=("--check",)
    )
    allow_outside: bool = option(False, "Let the recipe name files outside its own folder.", panel=RECIPE)
    keep: Path | None = option(
        None,
        "Keep the pictures of all steps here: run again with another last step, none before it is made anew.",
        panel=OUTPUT,
        metavar="DIR",
        shown=False,
    )
    cache: str | None = option(None, "The same in genkit's cache, up to so much.", panel=OUTPUT, metavar="SIZE", shown=False)

    places: Mapping[str, Path] | None = None  # of further files of an output's recipe, where they are known; no option
    recipe: Recipe | None = None  # that of a caller who has it as data; no option

    name = "run"
    run_type = ChainRun

    def listed(self, run: Run) -> int | None:
        from genkit.chain.telling import list_saved

        return list_saved(as_json=run.json) if self.list_recipes else None

    def context(self, run: Run, card: object = None) -> Context:
        """What concerns the whole run; its steps have contexts of their own."""
        assert isinstance(run, ChainRun)
        recipe, paths = self.read(run)
        run = replace(run, paths=list(paths))
        output = recipe.output
        from genkit.run.naming import names_format

        named = names_format(run.name, run.output)
        run = replace(
            run,
            format=run.format if named else run.format or output.get("format"),
            quality=run.quality if run.quality is not None else output.get("quality"),
            name=run.name or output.get("name"),
        )
        # a chain has no card of its own; what is asked of one is asked of its steps'
        context = Context(None, run, settings_of(run, ""))  # type: ignore[arg-type]
        context.once("recipe", lambda: recipe)
        return context

    def read(self, run: ChainRun) -> tuple[Recipe, Sequence[str]]:
        """The recipe that is meant, and what is left of the words: the inputs.

        Raises:
            UsageError: there is none, or something in it is wrong.
        """
        from genkit.chain.reading import read
        from genkit.chain.values import swept, with_settings

        if self.keep is not None and self.cache is not None:
            raise UsageError("--keep and --cache say the same thing", "give one of them")
        recipe, paths = self.recipe, list(run.paths or ())
        if recipe is None:
            recipe, paths = read(self.command, paths, closed=not self.allow_outside, places=self.places)
        recipe = swept(with_settings(recipe, self.settings or ()), self.sweep or ())
        if self.save is not None:
            from genkit.chain import saved

            saved.save(recipe, self.save, overwrite=run.overwrite)
        return recipe, paths

    def carry_out(self, context: Context, reporter: Reporter, session: Session, stop: threading.Event | None) -> Outcome:
        from genkit.chain.running import run_chain
        from genkit.chain.telling import tell_checked
        from genkit.run.plan import Plan

        run = context.run
        assert isinstance(run, ChainRun)
        graph = self.graph(context)
        if self.check_only or (self.save is not None and not run.paths):
            if self.save is not None:
                reporter.say(f"saved: genkit run {self.save} PATH...")
            if self.check_only:
                tell_checked(graph, reporter)
            elif reporter.as_json:
                reporter("done", done=0, failed=0, skipped=0, exit=0)
            return Outcome(Plan(), None, 0)
        return run_chain(self, graph, context, reporter, session, stop=stop, keep=self.kept(), sheet=self.sheet)

    def graph(self, context: Context) -> Graph:
        """The tree of the recipe, made once for a run.

        Raises:
            UsageError: something in it cannot be.
        """
        from genkit.chain.graph import Graph

        assert isinstance(context.run, ChainRun)
        run, recipe = context.run, context.once("recipe", lambda: None)
        graph: Graph = context.once("graph", lambda: Graph(recipe, run))
        return graph

    def kept(self) -> Keep | None:
        """Where pictures of steps are kept, if they are."""
        from genkit.cards import cache_folder
        from genkit.chain.keep import Keep, parse_size

        if self.cache is not None:
            return Keep(cache_folder() / "steps", parse_size(self.cache))
        return Keep(self.keep) if self.keep is not None else None
