"""What an evaluation wants logged, described as plain items; `writer` logs them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count

import pandas as pd
from matplotlib.figure import Figure as Drawing

from mlflow_evalplus import names
from mlflow_evalplus.core import cost
from mlflow_evalplus.render import (
    attribution,
    calibration,
    classes,
    confusion,
    cost_latency,
    data_checks,
    discovery,
    figures,
    labels,
    markdown,
    report,
    rule_effects,
    slices,
    summary,
)
from mlflow_evalplus.results import Estimate, Evaluation


@dataclass(frozen=True)
class Metric:
    """One number of a run."""

    key: str
    value: float


@dataclass(frozen=True)
class Table:
    """A table for MLflow's artifact view: first column the key, second a readable summary."""

    path: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Rows:
    """Many rows, as a Parquet file."""

    path: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Figure:
    """A picture."""

    path: str
    drawing: Drawing


@dataclass(frozen=True)
class Page:
    """A text."""

    path: str
    text: str


@dataclass(frozen=True)
class Report:
    """An HTML page, which names its run itself and is made when it is written."""

    path: str
    evaluation: Evaluation
    run_name: str = ""

    @property
    def text(self) -> str:
        """The page."""
        return report.page(self.evaluation, self.run_name)


File = Table | Rows | Figure | Page | Report
Item = Metric | File


def _summary(evaluation: Evaluation) -> Iterator[Item]:
    yield Page(names.SUMMARY, summary.page(evaluation))
    for name, estimate in evaluation.metrics.items():
        if name not in names.COST_METRICS:
            yield Metric(f"quality/{name}", estimate.value)
            yield Metric(f"quality/{name}_lower", estimate.lower)
            yield Metric(f"quality/{name}_upper", estimate.upper)
    yield Metric("quality/n_examples", evaluation.n)


def _confusion(evaluation: Evaluation) -> Iterator[Item]:
    yield Page(names.CONFUSION_PAGE, confusion.page(evaluation.confusion))
    yield Figure(names.CONFUSION_FIGURE, evaluation.confusion.figure())
    yield Table(names.CONFUSION_TABLE, evaluation.confusion.frame())


def _classes(evaluation: Evaluation) -> Iterator[Item]:
    yield Page(names.CLASSES_PAGE, classes.page(evaluation.classes))
    yield Table(names.CLASSES_TABLE, evaluation.classes.frame())
    for metric in names.OF_ONE_CLASS:
        for row in (row for row in evaluation.classes.rows if metric in row.metrics):
            yield Metric(names.metric_value_key(f"{metric}_by_class", row.name), row.metrics[metric].value)


def _calibration(evaluation: Evaluation) -> Iterator[Item]:
    bins, curve = evaluation.calibration, evaluation.abstention
    if bins:
        yield Table(names.CALIBRATION_TABLE, bins.frame())
    if not (bins and curve):
        return
    yield Page(names.CALIBRATION_PAGE, calibration.page(evaluation))
    yield Figure(names.CALIBRATION_FIGURE, calibration.whole_figure(bins, curve))
    yield Table(names.ABSTENTION_TABLE, curve.frame())
    yield Metric("calibration/aurc", curve.aurc)
    if curve.launch is not None:
        yield Metric("calibration/coverage_at_launch", curve.choice.coverage.value if curve.choice else 0.0)
    if curve.choice:
        yield Metric("calibration/threshold_at_launch", curve.choice.threshold)


def _cost_latency(evaluation: Evaluation) -> Iterator[Item]:
    yield Page(names.COST_LATENCY_PAGE, cost_latency.page(evaluation))
    latency = evaluation.latency
    if latency:
        yield Figure(names.COST_LATENCY_FIGURE, latency.figure())
        yield Table(names.LATENCY_TABLE, latency.frame())
        for key, _, estimate in latency.figures():
            if key in names.RESOURCE_METRICS:
                yield Metric(f"resources/{key}", estimate.value)
            elif key.startswith(("latency_ms_", "throughput_per_s_")):
                yield Metric(re.sub("(_ms|_per_s)_", r"\1/", key), estimate.value)
    if evaluation.cost_per_1000 is not None:
        yield Metric("cost/per_1000", evaluation.cost_per_1000)
    if "error_cost" in evaluation.metrics:
        yield from _bounds("cost/error_cost", evaluation.metrics["error_cost"])
    total = cost.total_per_1000(evaluation)
    if total:
        yield from _bounds("cost/total_per_1000", total)


def _bounds(key: str, estimate: Estimate) -> Iterator[Metric]:
    yield Metric(key, estimate.value)
    yield Metric(f"{key}_lower", estimate.lower)
    yield Metric(f"{key}_upper", estimate.upper)


def _slices(evaluation: Evaluation) -> Iterator[Item]:
    if not evaluation.slices.rows:
        return
    yield Page(names.SLICES_PAGE, slices.page(evaluation.slices))
    yield Figure(names.SLICES_FIGURE, evaluation.slices.figure())
    yield Table(names.SLICES_TABLE, evaluation.slices.frame())
    yield Metric("slices/n_weak", sum(row.weak for row in evaluation.slices.rows))
    single = [row for row in evaluation.slices.rows if len(row.columns) == 1]
    for column in dict.fromkeys(row.columns[0] for row in single):
        rows = sorted(evaluation.slices.of(column), key=lambda row: -row.n)
        for row in rows[: names.MAX_METRIC_VALUES_PER_COLUMN]:
            key = names.metric_value_key(f"accuracy_by_{column.replace('/', '_')}", row.values[0])
            yield Metric(key, row.metrics["accuracy"].value)


def _discovery(evaluation: Evaluation) -> Iterator[Item]:
    if evaluation.discovery:
        yield Page(names.DISCOVERY_PAGE, discovery.page(evaluation.discovery))
        yield Table(names.DISCOVERY_TABLE, evaluation.discovery.frame())
        yield Metric("slices/n_discovered", len(evaluation.discovery.rows))


def _attribution(evaluation: Evaluation) -> Iterator[Item]:
    found = evaluation.attribution
    if found is None:
        return
    yield Page(names.ATTRIBUTION_PAGE, attribution.page(found))
    yield Table(names.ATTRIBUTION_TABLE, found.frame())
    yield Table(names.CAUSES_TABLE, found.causes.frame())
    yield Table(names.ACTIONS_TABLE, found.actions.frame())
    yield Table(names.BAD_CASES_TABLE, found.cases.frame())
    if found.words:
        yield Table(names.WORDS_TABLE, found.words.frame())
    for cause in found.causes.rows:
        yield Metric(f"errors_by_cause/{cause.name}", cause.share_of_errors)


def _rules(evaluation: Evaluation) -> Iterator[Item]:
    found = evaluation.rule_effects
    if found is None:
        return
    yield Page(names.RULES_PAGE, rule_effects.page(found))
    yield Table(names.RULES_TABLE, found.frame())
    yield Metric("rules/fixed", found.moves.fixed)
    yield Metric("rules/broken", found.moves.broken)
    for side, value in (("", found.net.value), ("_lower", found.net.lower), ("_upper", found.net.upper)):
        yield Metric(f"rules/net{side}", value)


def _data(evaluation: Evaluation) -> Iterator[Item]:
    checks = evaluation.data_checks
    if checks:
        yield Page(names.DATA_PAGE, data_checks.page(checks))
        yield Table(names.DATA_TABLE, checks.frame())
        yield Metric("data/n_errors", len(checks.errors))
        yield Metric("data/n_warnings", len(checks.warnings))
        yield Metric("data/duplicates_across", checks.duplicates_across)


def _labels(evaluation: Evaluation) -> Iterator[Item]:
    quality = evaluation.label_quality
    if quality is None:
        return
    yield Page(names.LABELS_PAGE, labels.page(quality, evaluation.metrics["accuracy"], summary.launch(evaluation)))
    yield Table(names.LABELS_TABLE, quality.frame())
    if quality.ceiling:
        yield from _bounds("labels/accuracy_ceiling", quality.ceiling)
    for measure in ("percent_agreement", "krippendorff_alpha"):
        for estimate in quality.of("all", measure).values():
            yield Metric(f"labels/{measure}", estimate.value)


def _report(evaluation: Evaluation) -> Iterator[Item]:
    yield Report(names.REPORT, evaluation)


# The list that is walked for every evaluation; a new analysis adds its line here. Those of many metrics come last, so
# that they do not crowd out the others.
ANALYSES: tuple[Callable[[Evaluation], Iterator[Item]], ...] = (
    _summary, _confusion, _attribution, _rules, _data, _labels, _discovery, _calibration, _cost_latency, _classes,
    _slices, _report,
)  # fmt: skip


def describe(evaluation: Evaluation, run_name: str = "") -> tuple[dict[str, float], list[File]]:
    """Return the metrics, finite ones only and at most 200, and all that becomes a file.

    Pages and pictures are headed by the run's name: beside each other they would be nameless.
    """
    items = list(chain.from_iterable(analysis(evaluation) for analysis in ANALYSES))
    metrics: dict[str, float] = {}
    for item in items:
        if isinstance(item, Metric) and math.isfinite(item.value) and len(metrics) < names.MAX_METRICS:
            metrics[_free(names.metric_key(item.key), metrics)] = float(item.value)
    return metrics, [headed(item, run_name) for item in items if not isinstance(item, Metric)]


def _free(key: str, taken: Mapping[str, float]) -> str:
    """Return the key, numbered where another name was already written alike: ``<30`` and ``>30`` are both ``_30``."""
    numbered = (f"{key}-{number}" if number > 1 else key for number in count(1))
    return next(name for name in numbered if name not in taken)


def headed(item: File, run_name: str) -> File:
    """Return a page, picture or report that says which run it is of."""
    if run_name and isinstance(item, Page):
        return Page(item.path, f"#### {markdown.escape(run_name)}\n\n{item.text}")
    if run_name and isinstance(item, Figure):
        figures.head(item.drawing, run_name)
    if isinstance(item, Report):
        return replace(item, run_name=run_name)
    return item
