"""Every window of a log measured against the reference, and held against the gates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.evaluation import evaluate_predictions
from mlflow_evalplus.core.mix_rate import mix_and_rate
from mlflow_evalplus.core.monitoring.confidence import (
    MIN_EACH,
    MIN_LABELLED,
    Calibrator,
    calibrate,
    estimated_accuracy,
    estimated_difference,
)
from mlflow_evalplus.core.monitoring.defaults import Measured, default_alerts
from mlflow_evalplus.core.monitoring.drop import NOTHING, Answers, answers_of, difference, p_worse, too_few
from mlflow_evalplus.core.monitoring.gates import asked_alert
from mlflow_evalplus.core.monitoring.log import LogRows
from mlflow_evalplus.core.monitoring.new_terms import Terms, accuracies, count_terms, new_terms
from mlflow_evalplus.core.monitoring.shifts import Coded, independent, shifts, tables
from mlflow_evalplus.core.monitoring.windows import Span, Windows
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.errors import ComparisonError, shorten
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.requirements.monitor import ESTIMATED
from mlflow_evalplus.results import Alert, Difference, Estimate, Evaluation, MixRate, Monitoring, Shift, Window


@dataclass(frozen=True)
class Measurement:
    """All rows, coded alike; part 0 is the reference, part i the i-th window after it.

    Attributes
    ----------
    log : LogRows
    windows : Windows
        Of the log's rows; the first `n_first` of them are the reference, where no other data are.
    n_first : int
    wanted : Requirements
    label : str
        The column of the labels, for notes.
    seed : int
        Draws the row of each cluster that is tested.
    """

    log: LogRows
    windows: Windows
    n_first: int
    wanted: Requirements
    label: str
    seed: int

    def monitoring(self) -> Monitoring:
        """Measure every window and hold it against the gates."""
        first = self.windows.spans[: self.n_first]
        ends = (first[0].start, first[-1].end) if first else ("", "")
        reference = self._measured("reference", *ends, part=0)
        found = tuple(self._window(part, span) for part, span in enumerate(self.spans, start=1))
        table = self.log.rows.table
        texts = table["text"] if "text" in table.column_names else None
        return Monitoring(reference, found, self.wanted.confidence, tuple(self._notes()), self.log.scored, texts)

    @property
    def spans(self) -> list[Span]:
        """The windows after the reference."""
        return self.windows.spans[self.n_first :]

    @cached_property
    def part(self) -> IntArray:
        """The part of each row."""
        own = np.maximum(self.windows.of_row - self.n_first + 1, 0)
        return np.concatenate([np.zeros(self.log.n_reference, dtype=np.int64), own])

    @cached_property
    def members(self) -> list[IntArray]:
        """The rows of each part."""
        ends = np.cumsum(np.bincount(self.part, minlength=len(self.spans) + 1))
        return np.split(np.argsort(self.part, kind="stable"), ends[:-1])

    def _labelled(self, part: int) -> IntArray:
        return self.members[part][self.log.known[self.members[part]]]

    @cached_property
    def clusters(self) -> IntArray | None:
        """The cluster of each row."""
        rows = self.log.rows
        return rows.codes("cluster")[0].astype(np.int64) if "cluster" in rows.table.column_names else None

    @cached_property
    def drawn(self) -> Bools:
        """The rows that mixes and words are tested on."""
        return independent(self.part, self.clusters, np.random.default_rng(self.seed))

    @cached_property
    def evaluations(self) -> list[Evaluation | None]:
        """Each part's labelled rows, evaluated; None where there are none."""
        columns = [c for c in self.log.rows.table.column_names if c not in ("text", "example_id")]
        table, slim = self.log.rows.table.select(columns), Requirements(confidence=self.wanted.confidence)
        found: list[Evaluation | None] = []
        for part in range(len(self.members)):
            rows = self._labelled(part)
            held = Predictions(table.take(pa.array(rows)).combine_chunks(), self.log.rows.labels)
            found.append(evaluate_predictions(held, slim, slices=()) if len(rows) else None)
        return found

    @cached_property
    def answers(self) -> list[Answers]:
        """Each part's figures on labelled rows."""
        return [NOTHING if found is None else answers_of(found) for found in self.evaluations]

    @cached_property
    def calibrator(self) -> Calibrator | None:
        """How often the reference's answers are right, by how sure the model is of them."""
        if self.log.confidence is None:
            return None
        rows = self._labelled(0)
        rows = rows[~np.isnan(self.log.confidence[rows])]
        answers, labels = (self.log.rows.label_codes(column)[rows] for column in ("prediction", "label"))
        weights = self.log.rows.floats("weight")
        return calibrate(
            self.log.confidence[rows], (answers == labels).astype(np.float64),
            weights=None if weights is None else weights[rows],
            clusters=None if self.clusters is None else self.clusters[rows],
        )  # fmt: skip

    @cached_property
    def mixed(self) -> dict[str, Coded]:
        """The columns whose mix is compared."""
        rows = self.log.rows
        everywhere = np.ones(len(rows), dtype=np.bool_)
        found: dict[str, Coded] = {"prediction": (*rows.codes("prediction"), everywhere)}
        if self.log.known.any():
            found["label"] = (*rows.codes("label"), self.log.known)
        return found | {column: (*rows.codes(f"slice.{column}"), everywhere) for column in rows.slice_columns}

    @cached_property
    def counted(self) -> dict[str, FloatArray]:
        """The counts of these columns' values in each part; labels by their weights."""
        weights = self.log.rows.floats("weight")
        weighted = {} if weights is None else {"label": weights}
        return tables(self.mixed, self.part, len(self.members), self.drawn, weighted)

    @cached_property
    def terms(self) -> Terms | None:
        """The words and phrases of all texts."""
        if "text" not in self.log.rows.table.column_names:
            return None
        return count_terms(self.log.rows.table["text"], self.part, len(self.members), self.drawn)

    def _measured(self, name: str, start: str, end: str, *, part: int) -> Window:
        answers, rows = self.answers[part], self.members[part]
        return Window(
            name, start, end, n=len(rows), n_labelled=answers.n, metrics=dict(answers.metrics),
            estimated=self._estimated(part),
        )  # fmt: skip

    def _window(self, part: int, span: Span) -> Window:
        window = self._measured(span.name, span.start, span.end, part=part)
        here, there = self.answers[part], self.answers[0]
        window = replace(
            window, drop=difference(here, there), estimated_drop=self._estimated_drop(part),
            mix_rate=self._mix_rate(part), shifts=self._shifts(part),
        )  # fmt: skip
        if self.terms is not None:
            found = new_terms(self.terms, part, 0)
            listed = [term.term for term in found]
            known = accuracies(self.terms, listed, self.log.rows, self._labelled(part), self.wanted.confidence)
            window = replace(window, terms=tuple(replace(term, accuracy=known.get(term.term)) for term in found))
        measured = Measured(window, there.n, p_worse(here, there), self.terms is not None, too_few(here, there))
        return replace(window, alerts=(*self._asked(window, part), *default_alerts(measured, self.wanted.monitor)))

    def _asked(self, window: Window, part: int) -> Iterator[Alert]:
        here, there = self.answers[part], self.answers[0]
        for gate in self.wanted.monitor.alerts:
            change = window.estimated_drop if gate.metric == ESTIMATED else difference(here, there, gate.key)
            yield asked_alert(
                gate, window, change, has_texts=self.terms is not None, confidence=self.wanted.confidence,
                n_reference=int(self.counted[gate.column][0, 0].sum()) if gate.column in self.counted else 0,
            )  # fmt: skip

    def _shifts(self, part: int) -> tuple[Shift, ...]:
        return shifts(self.counted, self.mixed, part, 0)

    def _sure(self, part: int) -> tuple[FloatArray, IntArray | None]:
        assert self.log.confidence is not None
        rows = self.members[part]
        return self.log.confidence[rows], None if self.clusters is None else self.clusters[rows]

    def _estimated(self, part: int) -> Estimate | None:
        if self.calibrator is None:
            return None
        confidence, clusters = self._sure(part)
        return estimated_accuracy(self.calibrator, confidence, clusters=clusters, level=self.wanted.confidence)

    def _estimated_drop(self, part: int) -> Difference | None:
        if self.calibrator is None or self.calibrator.flat:
            return None
        (here, own), (there, other) = self._sure(part), self._sure(0)
        clusters = None if own is None or other is None else (own, other)
        return estimated_difference(self.calibrator, here, there, clusters=clusters, level=self.wanted.confidence)

    def _mix_rate(self, part: int) -> MixRate | None:
        """Split the change of accuracy by the slice column whose mix explains most of it, in its own direction."""
        here, there = self.evaluations[part], self.evaluations[0]
        if here is None or there is None:
            return None
        found = []
        for column in self.log.rows.slice_columns:
            try:
                found.append(mix_and_rate(here, there, column, names=(self.spans[part - 1].name, "reference")))
            except ComparisonError:  # they share no value of it
                continue
        return max(found, key=lambda split: split.mix.value * math.copysign(1, split.total.value), default=None)

    def _notes(self) -> Iterator[str]:
        yield from self.log.notes
        if self.windows.empty:
            yield f"No row of the log lies in {shorten(self.windows.empty, 6)}."
        if not self.log.known.any():
            yield f"No row has a label in {self.label!r}: accuracy is not measured."
        elif not self.answers[0].n:
            yield f"No row of the reference has a label in {self.label!r}: no drop of the accuracy can be told."
        if not self.log.scored:
            yield (
                "Accuracy is not estimated without labels: name the columns of the scores with 'scores', or call "
                "them score.<label> in a file."
            )
        elif self.log.confidence is not None and self.calibrator is None:
            yield (
                f"Accuracy is not estimated without labels: the confidence is calibrated on the reference's labelled "
                f"rows, and needs {MIN_LABELLED} of them, {MIN_EACH} right and {MIN_EACH} wrong."
            )
        elif self.calibrator is not None and self.calibrator.flat:
            yield (
                "The model is equally sure of all the reference's labelled answers: the estimated accuracy is theirs "
                "in every window, and no drop of it can be told."
            )
