from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from mlflow.utils.validation import _validate_metric_name

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.evaluation import evaluate_predictions
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.results import Estimate, Evaluation, Footprint, Latency
from mlflow_evalplus.tracking.items import Figure, Page, Report, Table, describe


def many(labels: int, values: int, n: int = 4000) -> Evaluation:
    """Return an evaluation of many classes and of two slice columns with many values."""
    rng = np.random.default_rng(5)
    names_of = np.array([f"label {i}" for i in range(labels)])
    label = rng.choice(names_of, n)
    frame = pd.DataFrame(
        {
            "label": label,
            "prediction": np.where(rng.random(n) < 0.7, label, rng.choice(names_of, n)),
            "shop": rng.integers(0, values, n).astype(str),
            "city": rng.integers(0, values, n).astype(str),
        }
    )
    return ep.evaluate(frame, slices=["shop", "city"], intersections=1)


def timed(evaluation: Evaluation) -> Evaluation:
    single = {key: Estimate(5.0, 4.0, 6.0, 200) for key in names.LATENCY_METRICS}
    return replace(evaluation, latency=Latency(single, 100, 0.5, "a machine"), cost_per_1000=0.02)


@pytest.fixture(scope="module")
def wide() -> Evaluation:
    return timed(many(labels=70, values=30))


def test_many_classes_and_slices_make_at_most_200_finite_metrics(wide: Evaluation) -> None:
    metrics, _ = describe(wide)
    assert len(metrics) == names.MAX_METRICS == 200
    assert all(math.isfinite(value) for value in metrics.values())


def test_what_is_undefined_is_no_metric(frame: pd.DataFrame) -> None:
    """MLflow would write a nan as 0.0 on the logged model."""
    labels = {"task": {"labels": ["negative", "neutral", "positive", "mixed"]}}
    evaluation = ep.evaluate(frame, requirements=labels)
    assert not evaluation.classes["mixed"].metrics["recall"].defined
    metrics, _ = describe(evaluation)
    assert all(math.isfinite(value) for value in metrics.values())
    assert "recall_by_class/mixed" not in metrics
    assert "recall_by_class/neutral" in metrics


def test_the_tables_hold_what_the_metrics_leave_out(wide: Evaluation) -> None:
    tables = {item.path: item.frame for item in describe(wide)[1] if isinstance(item, Table)}
    assert len(tables[names.CLASSES_TABLE]) == 70
    assert len(tables[names.SLICES_TABLE]) == 60


def test_latency_and_cost_are_not_crowded_out_by_classes(wide: Evaluation) -> None:
    """They are few and are compared across runs; the 70th class is looked up in its table."""
    metrics, _ = describe(wide)
    assert metrics["latency_ms/p95"] == 5.0
    assert metrics["throughput_per_s/all_rows"] == pytest.approx(200)
    assert metrics["cost/per_1000"] == 0.02


def test_what_a_model_takes_and_costs_is_logged_under_its_sections(frame: pd.DataFrame) -> None:
    wanted = asked.load({"error_costs": {"negative": {"positive": 20}}, "prices": {"machine_per_hour": 3.6}})
    latency = replace(
        timed(ep.evaluate(frame)).latency, cpu_s_per_1000=0.5, other_load=0.1,  # type: ignore[type-var]
        throughput={1: Estimate(50.0, 40.0, 60.0, 200), 8: Estimate(100.0, 90.0, 110.0, 20)},
        footprint=Footprint(1.5, 2_000_000, None, None),
    )  # fmt: skip
    evaluation = evaluate_predictions(read(frame), wanted, latency=latency)
    metrics, _ = describe(evaluation)
    sections = ("latency_ms", "throughput_per_s", "resources", "cost")
    found = {key: value for key, value in metrics.items() if key.split("/")[0] in sections}
    errors = evaluation.metrics["error_cost"]
    # where the system does not tell the memory there is no metric of it
    assert found == pytest.approx({
        **dict.fromkeys(("latency_ms/p50", "latency_ms/p90", "latency_ms/p95", "latency_ms/p99"), 5.0),
        "throughput_per_s/batch_1": 50, "throughput_per_s/batch_8": 100, "throughput_per_s/all_rows": 200,
        "resources/cpu_s_per_1000": 0.5, "resources/load_s": 1.5, "resources/size_mb": 2,
        "cost/per_1000": 0.01, "cost/error_cost": errors.value, "cost/error_cost_lower": errors.lower,
        "cost/error_cost_upper": errors.upper, "cost/total_per_1000": 0.01 + 1000 * errors.value,
        "cost/total_per_1000_lower": 0.01 + 1000 * errors.lower,
        "cost/total_per_1000_upper": 0.01 + 1000 * errors.upper,
    })  # fmt: skip


def test_the_largest_50_values_of_a_slice_column_become_metrics() -> None:
    evaluation = many(labels=2, values=120)
    metrics, _ = describe(evaluation)
    logged = {key.split("/")[1] for key in metrics if key.startswith("accuracy_by_shop/")}
    assert len(logged) == names.MAX_METRIC_VALUES_PER_COLUMN == 50
    sizes = {row.values[0]: row.n for row in evaluation.slices.of("shop")}
    assert min(sizes[value] for value in logged) >= max(n for value, n in sizes.items() if value not in logged)


def test_every_metric_of_the_contract_is_logged_with_its_value(frame: pd.DataFrame) -> None:
    costs = {"error_costs": {"negative": {"positive": 20}}}
    evaluation = timed(ep.evaluate(frame, slices=["channel"], requirements=costs))
    metrics, _ = describe(evaluation)
    for name in names.METRICS:
        estimate = evaluation.metrics[name]
        found = [metrics[f"quality/{name}{bound}"] for bound in ("", "_lower", "_upper")]
        assert found == [estimate.value, estimate.lower, estimate.upper]
    assert metrics["quality/n_examples"] == 600
    for row in evaluation.classes.rows:
        for name in names.CLASS_METRICS:
            assert metrics[f"{name}_by_class/{row.name}"] == row.metrics[name].value
    web = frame[frame["channel"] == "web"]
    assert metrics["accuracy_by_channel/web"] == pytest.approx((web["label"] == web["prediction"]).mean())
    assert metrics["slices/n_weak"] == 1
    assert metrics["cost/error_cost"] == evaluation.metrics["error_cost"].value
    assert metrics["cost/error_cost_upper"] == evaluation.metrics["error_cost"].upper
    assert not [key for key in metrics if key.startswith("quality/error_cost")]


def test_every_file_stands_under_its_public_name(frame: pd.DataFrame) -> None:
    _, files = describe(timed(ep.evaluate(frame, slices=["channel"])))
    kinds = {item.path: type(item) for item in files}
    assert kinds == {
        names.SUMMARY: Page, names.CONFUSION_PAGE: Page, names.CLASSES_PAGE: Page, names.COST_LATENCY_PAGE: Page,
        names.SLICES_PAGE: Page, names.CONFUSION_FIGURE: Figure, names.SLICES_FIGURE: Figure,
        names.CONFUSION_TABLE: Table, names.CLASSES_TABLE: Table, names.SLICES_TABLE: Table,
        names.LATENCY_TABLE: Table, names.COST_LATENCY_FIGURE: Figure, names.REPORT: Report,
    }  # fmt: skip


def test_tables_open_with_the_columns_of_the_contract(frame: pd.DataFrame) -> None:
    _, files = describe(timed(ep.evaluate(frame, slices=["channel"])))
    columns = {item.path: tuple(item.frame.columns) for item in files if isinstance(item, Table)}
    assert columns[names.CONFUSION_TABLE] == names.CONFUSION_COLUMNS
    assert columns[names.LATENCY_TABLE] == names.LATENCY_COLUMNS
    assert columns[names.CLASSES_TABLE][:4] == names.CLASS_COLUMNS
    assert columns[names.SLICES_TABLE][:3] == names.SLICE_COLUMNS
    assert columns[names.SLICES_TABLE][-4:] == names.SLICE_FLAG_COLUMNS


def test_without_slices_no_slice_files_are_made(frame: pd.DataFrame) -> None:
    metrics, files = describe(ep.evaluate(frame))
    assert not [item.path for item in files if "slices" in item.path]
    assert "slices/n_weak" not in metrics


def test_pages_and_pictures_are_headed_by_the_runs_name(frame: pd.DataFrame) -> None:
    """Side by side on MLflow's compare page they would be nameless."""
    _, files = describe(ep.evaluate(frame, slices=["channel"]), "words <b>")
    pages = [item.text for item in files if isinstance(item, Page)]
    assert pages
    assert all(text.startswith("#### words &lt;b&gt;\n\n") for text in pages)


def test_no_picture_stays_open_in_pyplot(frame: pd.DataFrame) -> None:
    """A training script that evaluates in a loop would fill its memory."""
    before = pyplot.get_fignums()
    describe(ep.evaluate(frame, slices=["channel"]))
    assert pyplot.get_fignums() == before


odd = st.text(max_size=8) | st.sampled_from([".", "..", "", "/", "a/b", "../x", "n/a", "好 评", "x" * 300])


@given(odd, odd)
@settings(deadline=None)
def test_mlflow_accepts_every_key_whatever_labels_and_slices_are_called(column: str, value: str) -> None:
    """A label '..' must not cost the run all its metrics; and one slash makes one section of the chart view."""
    for section in ("f1_by_class", f"accuracy_by_{column.replace('/', '_')}"[:200]):
        key = names.metric_value_key(section, value)
        _validate_metric_name(key)
        assert len(key) <= 250
        assert key.count("/") == 1


def test_names_that_are_written_alike_keep_apart(frame: pd.DataFrame) -> None:
    """MLflow refuses < and >: both ages would become `_30`, and the second would silently replace the first."""
    ages = frame.assign(age=["<30", ">30"] * 300)
    metrics, _ = describe(ep.evaluate(ages, slices=["age"]))
    assert {"accuracy_by_age/_30", "accuracy_by_age/_30-2"} <= set(metrics)
