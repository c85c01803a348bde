"""Several runs, compared and decided: what `compare` prints and the recipes end in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.core.changes import changes
from mlflow_evalplus.core.choice import choose
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.cost import priced_alike
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.difference import split_difference
from mlflow_evalplus.core.evaluation import evaluate_again
from mlflow_evalplus.core.latency import not_comparable
from mlflow_evalplus.core.pairing import align
from mlflow_evalplus.core.pareto import front
from mlflow_evalplus.render import comparison as pages
from mlflow_evalplus.render import comparison_report
from mlflow_evalplus.results import Comparison, Evaluation
from mlflow_evalplus.results.difference import DifferenceSplit
from mlflow_evalplus.results.side_by_side import SideBySide
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.history import history
from mlflow_evalplus.tracking.reader import load
from mlflow_evalplus.tracking.writer import log_batch


@dataclass(frozen=True)
class Series:
    """Runs side by side, keyed by name; differences are against the baseline."""

    runs: Mapping[str, Run]
    evaluations: Mapping[str, Evaluation]
    comparisons: Mapping[str, Comparison]
    baseline: str
    winner: str
    reason: str
    notes: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """Return the comparison as Markdown."""
        return pages.page(self.evaluations, self.comparisons, self.winner, self.reason, self.difference, self.notes)

    @property
    def report(self) -> str:
        """Return the comparison as an HTML page that needs nothing else."""
        return comparison_report.page(self.side_by_side)

    @cached_property
    def side_by_side(self) -> SideBySide:
        """Return all that is known of the runs beside each other, without MLflow's own objects."""
        base = self.evaluations[self.baseline]
        return SideBySide(
            evaluations=self.evaluations, comparisons=self.comparisons, baseline=self.baseline, winner=self.winner,
            reason=self.reason, difference=self.difference,
            changes={name: changes(self.evaluations[name], base) for name in self.comparisons},
            front=front(self.evaluations),
            history=history(self.runs, self.evaluations, self.baseline), notes=self.notes,
        )  # fmt: skip

    @cached_property
    def difference(self) -> DifferenceSplit | None:
        """Return where the winner differs from the baseline, or from the next best where it is the baseline."""
        others = {name: evaluation for name, evaluation in self.evaluations.items() if name != self.winner}
        if not others:
            return None
        rival = (
            self.baseline if self.baseline in others else choose(others, _priority(self.evaluations[self.baseline]))[0]
        )
        return split_difference(self.evaluations[self.winner], others[rival], names=(self.winner, rival))

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Return one row of words per run."""
        return pages.rows(self.evaluations, self.comparisons)

    def compare_link(self, server: str) -> str:
        """Return the address of MLflow's compare page for these runs."""
        experiment = next(iter(self.runs.values())).info.experiment_id
        ids = ",".join(f'"{run.info.run_id}"' for run in self.runs.values())
        link = f'{server}/#/compare-runs?runs=[{ids}]&experiments=["{experiment}"]&workflowType=machine_learning'
        return link.replace('"', "%22")


def compare_runs(
    runs: Sequence[Run],
    *,
    baseline: Run | None = None,
    shared_only: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Series:
    """Compare runs with a baseline (the first of them by default), decide each, and choose.

    `on_step` is told what is being done.

    Raises
    ------
    ComparisonError
        Test sets differ, and `shared_only` was not asked.
    TrackingError
        A run carries no evaluation.
    """
    baseline = baseline or runs[0]
    named = _named([baseline, *(run for run in runs if run.info.run_id != baseline.info.run_id)])
    evaluations = {}
    for number, (name, run) in enumerate(named.items(), start=1):
        on_step(f"reading {name} ({number} of {len(named)})")
        evaluations[name] = load(run.info.run_id)
    on_step(f"comparing {len(named)} runs")
    sizes = {evaluation.n for evaluation in evaluations.values()}
    if shared_only:
        evaluations = _on_shared(evaluations)
    base = next(iter(named))
    comparisons = {
        name: compare_evaluations(evaluation, evaluations[base], names=(name, base))
        for name, evaluation in evaluations.items()
        if name != base
    }
    decided = {
        name: replace(evaluation, verdict=decide(evaluation, comparison=comparisons.get(name)))
        for name, evaluation in evaluations.items()
    }
    winner, reason = choose(decided, _priority(evaluations[base]))
    return Series(named, decided, comparisons, base, winner, reason, _notes(decided, sizes, decided[base].n))


def _notes(evaluations: Mapping[str, Evaluation], sizes: set[int], n: int) -> tuple[str, ...]:
    """Return what holds for the whole comparison: which examples it is on, and what is not comparable."""
    shared = (f"Compared on the {n:,} examples that all runs have, not on the whole of every test set.",)
    timed = {name: evaluation.latency for name, evaluation in evaluations.items()}
    base = next(iter(evaluations))
    others = [name for name, found in evaluations.items() if not priced_alike(found, evaluations[base])]
    money = (
        f"Costs are not comparable: {', '.join(others)} with other error costs, or another currency, than {base}.",
    )
    return (shared if sizes != {n} else ()) + not_comparable(timed) + (money if others else ())


def _priority(baseline: Evaluation) -> str:
    return baseline.requirements.priority if baseline.requirements else "accuracy"


def _on_shared(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Evaluate each run on the examples that all of them have, so that one table speaks of one test set."""
    rows = {name: evaluation.predictions.with_ids() for name, evaluation in evaluations.items()}
    kept = next(iter(rows.values()))
    for other in rows.values():
        kept, _ = align(kept, other, shared_only=True)
    return {
        name: evaluate_again(replace(evaluation, predictions=align(kept, rows[name], shared_only=True)[1]))
        for name, evaluation in evaluations.items()
    }


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """Key runs by name; a name that repeats is followed by the beginning of its id."""
    counts = [run.info.run_name for run in runs]
    return {
        name if counts.count(name) == 1 else f"{name} ({run.info.run_id[:6]})": run
        for run, name in zip(runs, counts, strict=True)
    }


def record_baseline(series: Series) -> None:
    """Write on each run its difference against the baseline: metrics ``delta/…``, tags, and the verdict with it."""
    client = store.client()
    with store.reaching():
        for name, comparison in series.comparisons.items():
            deltas = {f"delta/{key}": d.value for key, d in comparison.metrics.items() if "[" not in key}
            tags = {
                names.TAG_BASELINE: f"{series.baseline}: accuracy {comparison.metrics['accuracy']}",
                names.TAG_BASELINE_RUN: series.runs[series.baseline].info.run_id,
                names.TAG_VERDICT: series.evaluations[name].verdict.outcome.value,
            }
            finite = {key: value for key, value in deltas.items() if math.isfinite(value)}
            log_batch(client, series.runs[name].info.run_id, finite, tags=tags)


def load_decided(run: Run) -> Evaluation:
    """Return a run's evaluation, its verdict with the baseline that is recorded on the run."""
    evaluation = load(run.info.run_id)
    baseline = run.data.tags.get(names.TAG_BASELINE_RUN)
    thresholds = evaluation.requirements.thresholds if evaluation.requirements else ()
    if baseline is None or not any(threshold.not_worse_than for threshold in thresholds):
        return evaluation
    comparison = compare_evaluations(evaluation, load(baseline), names=(run.info.run_name, baseline))
    return replace(evaluation, verdict=decide(evaluation, comparison=comparison))
