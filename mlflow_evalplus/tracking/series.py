"""Several runs, compared and decided: what `compare` prints and the recipes end in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.core.changes import changes
from mlflow_evalplus.core.choice import choose
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.cost import priced_alike
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.difference import split_difference
from mlflow_evalplus.core.evaluation import evaluate_again
from mlflow_evalplus.core.family import family
from mlflow_evalplus.core.latency import not_comparable
from mlflow_evalplus.core.pairing import align
from mlflow_evalplus.core.pareto import front
from mlflow_evalplus.core.privacy.evaluation import stored
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.render import comparison as pages
from mlflow_evalplus.render import comparison_report
from mlflow_evalplus.requirements import Requirements, StoreText
from mlflow_evalplus.results import Comparison, Evaluation
from mlflow_evalplus.results.choice import Choice, Family
from mlflow_evalplus.results.difference import DifferenceSplit
from mlflow_evalplus.results.evidence import Evidence
from mlflow_evalplus.results.side_by_side import SideBySide
from mlflow_evalplus.tracking import links, store
from mlflow_evalplus.tracking.history import history
from mlflow_evalplus.tracking.reader import load


@dataclass(frozen=True)
class Series:
    """Runs side by side, keyed by name; differences are against the baseline, verdicts against `requirements`."""

    runs: Mapping[str, Run]
    evaluations: Mapping[str, Evaluation]
    comparisons: Mapping[str, Comparison]
    baseline: str
    choice: Choice
    requirements: Requirements | None = None
    family: Family | None = None
    notes: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the runs' tags answer besides."""
        said = (run.data.tags.get(names.TAG_REMARK, "") for run in self.runs.values())
        return tuple(line for text in said for line in text.splitlines() if line)

    @property
    def winner(self) -> str:
        """The run to take."""
        return self.choice.winner

    @property
    def reason(self) -> str:
        """Why that one."""
        return self.choice.reason

    @property
    def page(self) -> str:
        """Return the comparison as Markdown."""
        return pages.page(self.side_by_side)

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
            reason=self.reason, choice=self.choice, family=self.family, difference=self.difference,
            changes={name: changes(self.evaluations[name], base) for name in self.comparisons},
            front=front(self.evaluations),
            history=history(self.runs, self.evaluations, self.baseline), notes=self.notes, remarks=self.remarks,
        )  # fmt: skip

    @cached_property
    def difference(self) -> DifferenceSplit | None:
        """Return where the winner differs from the baseline, or from the next best where it is the baseline."""
        others = {name: evaluation for name, evaluation in self.evaluations.items() if name != self.winner}
        if not others:
            return None
        rival = self.baseline if self.baseline in others else choose(others, self.requirements).winner
        return split_difference(self.evaluations[self.winner], others[rival], names=(self.winner, rival))

    def compare_link(self, server: str) -> str:
        """Return the address of MLflow's compare page for these runs."""
        runs = self.runs.values()
        return links.compare_page(server, [run.info.run_id for run in runs], [run.info.experiment_id for run in runs])


def _as_little_text(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Return all evaluations with as little of their texts as the one that keeps least: they are of the same rows."""
    modes: list[StoreText] = [
        evaluation.requirements.store_text for evaluation in evaluations.values() if evaluation.requirements
    ]
    order: tuple[StoreText, ...] = get_args(StoreText)
    least = max(modes, key=order.index, default=order[0])
    return {name: stored(evaluation, least) for name, evaluation in evaluations.items()}


def compare_runs(
    runs: Sequence[Run],
    *,
    baseline: Run | None = None,
    requirements: Requirements | None = None,
    shared_only: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Series:
    """Compare runs with a baseline (the first of them by default), decide each, and choose.

    All are held against the same `requirements`; by default those of the baseline, or where it asks nothing of the last
    run that asks something. `on_step` is told what is being done.

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
    if requirements:
        evaluations = {name: evaluate_again(evaluation, requirements) for name, evaluation in evaluations.items()}
    evaluations = _as_little_text(evaluations)
    base = next(iter(named))
    standard = _standard(evaluations)
    wanted = evaluations[standard].requirements
    comparisons = {
        name: compare_evaluations(evaluation, evaluations[base], names=(name, base))
        for name, evaluation in evaluations.items()
        if name != base
    }
    decided = {
        name: replace(evaluation, verdict=decide(evaluation, wanted, comparison=comparisons.get(name)))
        for name, evaluation in evaluations.items()
    }
    choice = choose(decided, wanted)
    tested = family(decided, comparisons, _tested(choice, comparisons)) if comparisons else None
    notes = _notes(decided, sizes, decided[base].n) + _other_requirements(decided, standard)
    return Series(named, decided, comparisons, base, choice, wanted, tested, notes)


def _standard(evaluations: Mapping[str, Evaluation]) -> str:
    """Return whose requirements all runs are held against."""
    asking = [name for name, e in evaluations.items() if e.requirements and e.requirements.thresholds]
    base = next(iter(evaluations))
    return base if base in asking or not asking else asking[-1]


def _other_requirements(evaluations: Mapping[str, Evaluation], standard: str) -> tuple[str, ...]:
    wanted = evaluations[standard].requirements or Requirements()
    others = [name for name, e in evaluations.items() if (e.requirements or Requirements()).digest != wanted.digest]
    if not others:
        return ()
    were = "was" if len(others) == 1 else "were"
    return (
        f"All runs are held against the requirements of {standard}; {', '.join(others)} {were} logged with others.",
    )


def _tested(choice: Choice, comparisons: Mapping[str, Comparison]) -> str:
    """Return the metric that says which run beats which: what is chosen by, where that is paired by rows."""
    wanted = {"total_cost_per_1000": "error_cost"}.get(key := max(choice.weights, key=choice.weights.__getitem__), key)
    known = all(wanted in comparison.metrics for comparison in comparisons.values())
    return wanted if known and wanted in ("f1_macro", "error_cost") else "accuracy"


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


def load_decided(
    run: Run, *, requirements: Requirements | None = None, baseline: Run | None = None, shared_only: bool = False,
    evidence: Sequence[Evidence] | None = None,
) -> Evaluation:  # fmt: skip
    """Return a run's evaluation with its verdict.

    Parameters
    ----------
    run : Run
    requirements : Requirements, optional
        Its rows are evaluated again against these; its own by default.
    baseline : Run, optional
        What a requirement compares it with; by default the run that is recorded on it.
    shared_only : bool
        Compare on the examples that both have, where the test sets differ.
    evidence : sequence of Evidence, optional
        In place of what the run has.

    Raises
    ------
    ComparisonError
        The baseline is the run itself; or the test sets differ, and `shared_only` was not asked.
    """
    evaluation = load(run.info.run_id)
    if evidence is not None:
        evaluation = replace(evaluation, evidence=tuple(evidence))
    if requirements:
        evaluation = evaluate_again(evaluation, requirements)
    base = baseline.info.run_id if baseline else run.data.tags.get(names.TAG_BASELINE_RUN)
    thresholds = evaluation.requirements.thresholds if evaluation.requirements else ()
    if base is None or not any(threshold.not_worse_than for threshold in thresholds):
        return replace(evaluation, verdict=decide(evaluation))
    if base == run.info.run_id:
        raise ComparisonError(f"the baseline is this very run, {run.info.run_name} ({base}); name another")
    with store.reaching():
        called = f"{store.client().get_run(base).info.run_name} ({base})"
    comparison = compare_evaluations(evaluation, load(base), names=(run.info.run_name, called), shared_only=shared_only)
    return replace(evaluation, verdict=decide(evaluation, comparison=comparison))
