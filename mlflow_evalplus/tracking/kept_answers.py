"""A model's answers, kept on disk from the moment they are there until their evaluation is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.core.evaluation import evaluate_predictions
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.privacy.evaluation import stored_rows
from mlflow_evalplus.errors import EvalPlusError, TrackingError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import spool
from mlflow_evalplus.tracking.delivery import OfModel, write_rows

ROWS = "answers.parquet"
NOTE = (
    "The process that asked the model ended before its evaluation was logged; this one was made from the answers that "
    "were kept. Latency, custom metrics, effects of rules, words that push the model and what compares with the "
    "training rows are not known."
)


@dataclass
class Kept:
    """The answers of one run's model, once they are there."""

    run_id: str
    of_model: OfModel | None
    held: spool.Held | None = None

    def keep(self, predictions: Predictions, wanted: Requirements) -> None:
        """Write the answers down; where there is no room, the evaluation goes on without."""
        try:
            self.held = spool.pack("answers", lambda folder: self._write(folder, predictions, wanted))
        except EvalPlusError:
            self.held = None

    def _write(self, folder: Path, predictions: Predictions, wanted: Requirements) -> dict[str, Any]:
        write_rows(stored_rows(predictions, wanted.store_text).table, folder / ROWS)
        return {
            "run": {"id": self.run_id}, "labels": predictions.labels, "digest": predictions.digest(),
            "metrics": [threshold.metric for threshold in wanted.thresholds],
            "requirements": json.loads(wanted.model_dump_json(by_alias=True, exclude_unset=True)),
            "by_mlflow": vars(self.of_model) if self.of_model else None,
        }  # fmt: skip


@contextmanager
def keeping(run_id: str, of_model: OfModel | None = None) -> Iterator[Kept]:
    """Keep the answers of a model while they are evaluated.

    They stay when the process is killed or stopped, or anything breaks that is not an error of the user's.
    """
    kept = Kept(run_id, of_model)
    try:
        yield kept
    except TrackingError:
        raise
    except EvalPlusError:
        if kept.held and kept.held.parcel.folder.exists():
            kept.held.remove()
        raise
    finally:
        if kept.held:
            kept.held.release()


def evaluation_of(parcel: spool.Parcel) -> Evaluation:
    """Return the evaluation of answers that were kept, as far as it can be made without the model."""
    table = pq.read_table(parcel.folder / ROWS)
    predictions = Predictions(table.unify_dictionaries().combine_chunks(), tuple(parcel.content["labels"]))
    wanted = asked.load(parcel.content["requirements"], parcel.content["metrics"])
    evaluation = evaluate_predictions(predictions, wanted, notes=(NOTE,))
    return attribute(replace(evaluation, data_digest=parcel.content["digest"] or evaluation.data_digest))
