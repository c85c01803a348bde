"""What a run carries of calibration and abstention, and runs that were logged before there was such a thing."""

from __future__ import annotations

import json

import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import record
from mlflow_evalplus.tracking.items import Figure, Page, Table, describe
from tests.core.test_abstention import SCORES, rows


def evaluated(launch: float | None) -> Evaluation:
    asked = {"thresholds": [{"metric": "accuracy", "min": launch}]} if launch else {}
    return ep.evaluate(rows(seed=2, n=1000), scores=SCORES, requirements=asked)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluated(0.9)


def test_a_run_with_probabilities_carries_page_picture_tables_and_metrics(evaluation: Evaluation) -> None:
    metrics, files = describe(evaluation)
    kinds = {item.path: type(item) for item in files}
    assert kinds[names.CALIBRATION_PAGE] is Page
    assert kinds[names.CALIBRATION_FIGURE] is Figure
    assert kinds[names.CALIBRATION_TABLE] is kinds[names.ABSTENTION_TABLE] is Table
    assert evaluation.abstention
    assert evaluation.abstention.partial
    assert {f"calibration/{name}" for name in names.CALIBRATION_METRICS} <= set(metrics)
    assert metrics["calibration/threshold_at_launch"] == evaluation.abstention.partial.threshold
    assert metrics["calibration/coverage_at_launch"] == evaluation.abstention.partial.coverage.value
    table = next(item.frame for item in files if isinstance(item, Table) and item.path == names.ABSTENTION_TABLE)
    assert tuple(table.columns) == names.ABSTENTION_COLUMNS
    assert table["chosen"].sum() == 1


@pytest.mark.parametrize(("launch", "kept"), [(0.999, {"aurc", "coverage_at_launch"}), (None, {"aurc"})])
def test_no_threshold_is_logged_where_none_is_chosen(launch: float | None, kept: set[str]) -> None:
    metrics, _ = describe(evaluated(launch))
    assert {key.split("/")[1] for key in metrics if key.startswith("calibration/")} == kept
    assert metrics.get("calibration/coverage_at_launch", 0.0) == 0.0


def test_a_run_without_probabilities_carries_none_of_it() -> None:
    metrics, files = describe(ep.evaluate(rows(n=60)))
    wanted = {names.CALIBRATION_PAGE, names.CALIBRATION_FIGURE, names.CALIBRATION_TABLE, names.ABSTENTION_TABLE}
    assert wanted.isdisjoint(item.path for item in files)
    assert not any(key.startswith("calibration/") for key in metrics)


def test_the_record_gives_the_curve_back_and_reads_those_without_one(evaluation: Evaluation) -> None:
    text = record.dump(evaluation)
    assert record.parse(text, "file") == evaluation
    content = json.loads(text)
    del content["abstention"]
    old = record.parse(json.dumps(content), "file")
    assert old.abstention is None
    assert old.calibration == evaluation.calibration
