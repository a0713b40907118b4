"""`genkit run`: the command of `genkit/chain/declaration.py`."""

from __future__ import annotations

import typer

from genkit.chain.declaration import RunChain
from genkit.cli.verbs import command_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)
app.command()(command_of(RunChain))
