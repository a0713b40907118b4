"""Train a whole voice in one run: the recordings are prepared, an acoustic model learns from them, then a vocoder from what
that makes of them.

The run folder keeps `prepared.npz` and the stages' own folders, `acoustic` and `vocoder`, each of which resumes. The card
of the voice and its two files lie in the run folder itself once the last stage has begun.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from genkit.errors import UsageError
from genkit.nets.mel import MelScale
from genkit.train.finish import write_model
from genkit.train.loop import Report
from genkit.train.run import Request, command_of, config_of
from genkit.train.stages import Stages
from genkit.train.tts.acoustic import AcousticJob
from genkit.train.tts.vocoder import VocoderJob
from genkit.train.tts.voice import PREPARED, corpus_of, prepared_before

STAGES = {"acoustic": "from phonemes to spectrograms", "vocoder": "from spectrograms to sound"}


def run(request: Request, report: Report) -> dict[str, Any]:
    """Train what is left of the stages within `max_minutes`, write the voice and its card, and return the loop's outcome.

    Raises:
        UsageError: the configuration is for another task, or has no stages; recordings that cannot be prepared; a run folder in
            use.
    """
    config = config_of(request)
    stages = Stages(request, config, STAGES, report)
    tables = {name: stage.data.get("mel") or {} for name, stage in stages.configs.items()}
    if tables["acoustic"] != tables["vocoder"]:
        raise UsageError(f"{request.config}: the two stages have other tables mel", "both read the same spectrograms")
    if prepared_before(request.data, request.out) is None:
        stages.say("preparing the recordings: where each sound of their texts lies; once, and kept in the run folder")
    scale = MelScale.of(tables["acoustic"])
    corpus_of(request.data, request.holdout, scale, request.out)  # written now, so that each stage finds it
    source = (prepared_before(request.data, request.out) or request.out / PREPARED,)

    first = AcousticJob(stages.configs["acoustic"], source, request.holdout, folder=stages.folders["acoustic"])
    outcome = stages.go("acoustic", first, "acoustic_")
    if not outcome["finished"]:
        return outcome
    tensors, params = first.export(first.modules)
    part = write_model(
        stages.folders["acoustic"],
        stages.configs["acoustic"],
        tensors,
        params,
        command=command_of(request),
        metrics=outcome["metrics"],
        extra=first.card_fields(),
    )
    own = stages.configs["vocoder"]
    own = replace(own, data={**own.data, "acoustic": str(part)})
    last = VocoderJob(own, source, request.holdout, folder=stages.folders["vocoder"])
    outcome = stages.go("vocoder", last, "vocoder_")
    metrics = stages.metrics | {
        "steps": outcome["step"],
        "train_minutes": round(sum(stages.minutes.values()), 1),
        "protocol": f"acoustic: {first.protocol}; vocoder: {last.protocol}",
    }
    tensors, params = last.export(last.modules)
    card = write_model(
        request.out, config, tensors, params, command=command_of(request), metrics=metrics, extra=last.card_fields()
    )
    return {**outcome, "card": str(card)}
