"""Choose the job that a training configuration of `translate` asks for, by what its [data] table says.

`pairs` or `make`: pairs (`paired.py`). `unpaired`: two folders (`unpaired.py`). `domains`: a folder of domains (`domains.py`).
`recolour`: colour domains, found in the pictures (`recolour.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.train.config import TrainConfig


def make_job(config: TrainConfig, data: Sequence[Path], holdout: Path | None, **sources: Any) -> Any:
    """Build the job of a configuration; `sources` (`pairs`, `unpaired` or `domains`) take the place of its own.

    Raises:
        UsageError: a configuration that asks for none, or data that does not suit it.
    """
    table = {**config.data, **sources}
    config = dataclasses.replace(config, data=table)
    if table.get("pairs") or table.get("make"):
        from genkit.train.translate.paired import PairedJob

        return PairedJob(config, data, holdout)
    if table.get("unpaired"):
        from genkit.train.translate.unpaired import UnpairedJob

        return UnpairedJob(config, data, holdout)
    if table.get("domains"):
        from genkit.train.translate.domains import DomainsJob

        return DomainsJob(config, data, holdout)
    if table.get("recolour"):
        from genkit.train.translate.recolour import RecolourJob

        return RecolourJob(config, data, holdout)
    raise UsageError(
        "nothing to learn from", "genkit train translate --pairs DIR, --unpaired A B, --domains DIR, or --config FILE"
    )
