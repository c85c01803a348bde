from __future__ import annotations

import json
import math
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.entities import Dataset, DatasetInput, Run
from mlflow.exceptions import MlflowException

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import ComparisonError, TrackingError
from mlflow_evalplus.results import Estimate, Evaluation, Footprint, Latency
from mlflow_evalplus.tracking import record
from mlflow_evalplus.tracking.delivery import log_data
from mlflow_evalplus.tracking.reader import find_runs
from tests.generated import inputs

ROOT_FILES = {
    names.SUMMARY, names.CONFUSION_PAGE, names.CONFUSION_FIGURE, names.CLASSES_PAGE, names.SLICES_PAGE,
    names.SLICES_FIGURE, names.COST_LATENCY_PAGE, names.ATTRIBUTION_PAGE, names.REPORT,
}  # fmt: skip
TABLES = {
    names.CONFUSION_TABLE, names.CLASSES_TABLE, names.SLICES_TABLE, names.ATTRIBUTION_TABLE, names.CAUSES_TABLE,
    names.ACTIONS_TABLE, names.BAD_CASES_TABLE,
}  # fmt: skip


def plain(value: Any) -> Any:
    """Return what a result holds, with each nan as a word: a nan is not equal to itself."""
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def contents(evaluation: Evaluation) -> dict[str, Any]:
    content = asdict(replace(evaluation, requirements=None, predictions=None))
    return {**plain(content), "requirements": evaluation.requirements}


def logged(evaluation: Evaluation) -> Run:
    with mlflow.start_run() as run:
        ep.log(evaluation)
    return mlflow.get_run(run.info.run_id)


def rich(frame: pd.DataFrame) -> Evaluation:
    """Return an evaluation with all that one can have: undefined metrics, gates, latency, costs, scores, annotators."""
    wanted = {
        "task": {"labels": ["negative", "neutral", "positive", "mixed"]},
        "slices": ["channel", "language"], "cluster": "customer_id",
        "thresholds": [
            {"metric": "accuracy", "every": "channel", "min": 0.8},
            {"metric": "recall", "class": "mixed", "min": 0.5},
            {"metric": "f1_macro", "not_worse_than": "baseline", "margin": 0.01},
        ],
        "error_costs": {"negative": {"positive": 20, "neutral": 5}},
        "prices": {"currency": "EUR", "machine_per_hour": 0.4},
    }  # fmt: skip
    data = frame.assign(
        p=0.25, weight=1.5, annotator=frame["label"], prediction=frame["prediction"].where(frame.index > 3)
    )
    evaluation = ep.evaluate(
        data, text="text", weight="weight", annotators=["annotator"], scores={"negative": "p"}, requirements=wanted
    )
    single = {"latency_ms_p50": Estimate(1.0, 0.9, 1.1, 200), "latency_ms_p99": Estimate(9.0, 8.0, math.nan, 200)}
    evaluation = replace(evaluation, latency=Latency(single, 600, 0.5, "2 × x86_64"), notes=("a note",))
    return ep.attribute(replace(evaluation, cost_per_1000=1 / 3))


def test_a_loaded_evaluation_is_the_one_that_was_logged(store: str, frame: pd.DataFrame) -> None:
    evaluation = rich(frame)
    assert not evaluation.classes["mixed"].metrics["recall"].defined
    back = ep.load(logged(evaluation).info.run_id)
    assert contents(back) == contents(evaluation)
    assert back.predictions.labels == evaluation.predictions.labels
    given = evaluation.predictions.with_ids().table
    for column in given.column_names:
        assert back.predictions.table[column].to_pylist() == given[column].to_pylist()


def test_what_is_loaded_can_be_decided_compared_and_logged_again(store: str, frame: pd.DataFrame) -> None:
    evaluation = rich(frame)
    back = ep.load(logged(evaluation).info.run_id)
    assert plain(asdict(ep.decide(back))) == plain(asdict(evaluation.verdict))
    assert ep.compare(back, evaluation).metrics["accuracy"].value == 0
    assert contents(ep.load(logged(back).info.run_id)) == contents(evaluation)


labels_of_any_name = st.text(max_size=5).filter(lambda text: text != names.OTHER)


@given(st.lists(st.tuples(labels_of_any_name, labels_of_any_name, st.sampled_from("xyz")), min_size=1, max_size=12))
@settings(deadline=None, max_examples=inputs(40))
def test_any_evaluation_survives_strict_json(rows: list[tuple[str, str, str]]) -> None:
    evaluation = ep.evaluate(pd.DataFrame(rows, columns=["label", "prediction", "channel"]), slices=["channel"])
    text = record.dump(evaluation)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(text, parse_constant=refuse)
    assert contents(record.parse(text, "a test")) == contents(evaluation)


@pytest.mark.parametrize("cluster", [None, "cluster"])
def test_the_predictions_alone_recompute_every_figure(store: str, frame: pd.DataFrame, cluster: str | None) -> None:
    """The contract says so: two runs can be compared years later, whatever became of the rest."""
    evaluation = ep.evaluate(
        frame.assign(weight=np.linspace(0.5, 2, 600)), text="text", slices=["channel", "language"], weight="weight",
        cluster="customer_id" if cluster else None,
    )  # fmt: skip
    path = mlflow.artifacts.download_artifacts(run_id=logged(evaluation).info.run_id, artifact_path=names.PREDICTIONS)
    rows = pd.read_parquet(path)
    again = ep.evaluate(
        rows.rename(columns={"slice.channel": "channel", "slice.language": "language"}), text="text",
        slices=["channel", "language"], weight="weight", cluster=cluster, example_id="example_id",
    )  # fmt: skip
    for field in ("n", "labels", "metrics", "classes", "confusion", "slices"):
        assert plain(asdict(again)[field]) == plain(asdict(evaluation)[field])


def test_a_run_carries_the_files_of_the_contract(store: str, frame: pd.DataFrame) -> None:
    run_id = logged(ep.evaluate(frame, slices=["channel"])).info.run_id
    client = mlflow.MlflowClient()
    assert {f.path for f in client.list_artifacts(run_id) if not f.is_dir} == ROOT_FILES
    inside = {f.path for f in client.list_artifacts(run_id, "evalplus")}
    assert inside == TABLES | {names.PREDICTIONS, names.EVALUATION}


def test_the_pictures_are_as_wide_as_the_compare_page_shows(store: str, frame: pd.DataFrame) -> None:
    run = logged(ep.evaluate(frame, slices=["channel"]))
    for name in (names.CONFUSION_FIGURE, names.SLICES_FIGURE):
        head = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=name)).read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert 320 <= int.from_bytes(head[16:20], "big") <= 360


def test_mlflow_reads_the_tables_and_can_stack_those_of_two_runs(store: str, frame: pd.DataFrame) -> None:
    evaluation = ep.evaluate(frame, slices=["channel"])
    runs = [logged(evaluation).info.run_id for _ in range(2)]
    confusion = mlflow.load_table(names.CONFUSION_TABLE, run_ids=runs[:1])
    expected = pd.crosstab(frame["label"], frame["prediction"])
    for row in confusion.itertuples():
        assert row.n == expected.loc[row.label, row.prediction]
    slices = mlflow.load_table(names.SLICES_TABLE, run_ids=runs, extra_columns=["run_id"])
    assert sorted(slices["run_id"]) == sorted(run for run in runs for _ in range(3))
    web = slices[slices["slice"] == "channel=web"].iloc[0]
    assert web["accuracy"] == pytest.approx(evaluation.slices["channel=web"].metrics["accuracy"].value)
    assert bool(web["weak"])


def test_tables_that_were_logged_before_stay_known_to_the_artifact_view(store: str, frame: pd.DataFrame) -> None:
    with mlflow.start_run() as run:
        mlflow.log_table({"a": [1]}, "own.json")
        ep.log(ep.evaluate(frame))
        ep.log(ep.evaluate(frame, slices=["channel"]))
    listed = [
        entry["path"] for entry in json.loads(mlflow.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"])
    ]
    assert sorted(listed) == sorted({"own.json", *TABLES})


def test_tags_and_description_tell_the_verdict(store: str, frame: pd.DataFrame) -> None:
    evaluation = ep.evaluate(frame, requirements={"thresholds": [{"metric": "accuracy", "min": 0.99}]})
    run = logged(evaluation)
    assert run.data.tags[names.TAG_VERDICT] == "fail"
    assert run.data.tags[names.TAG_KIND] == "evaluation"
    assert run.data.tags[names.TAG_SCHEMA_VERSION] == "1"
    assert run.data.tags[names.TAG_DATA_DIGEST] == evaluation.data_digest
    assert run.data.tags[names.TAG_REQUIREMENTS_DIGEST] == evaluation.requirements.digest
    description = run.data.tags["mlflow.note.content"]
    assert "✘ fail" in description
    assert "accuracy at least 0.99" in description


def test_a_long_description_is_not_cut_by_mlflow(store: str, frame: pd.DataFrame) -> None:
    """MLflow keeps 8,000 characters of a tag; a cut table would be no table."""
    value = "a very long name of a business line, in which everything is spelt out " * 3
    data = frame.assign(line=[f"{value} {i % 40}" for i in range(600)])
    wanted = {"slices": ["line"], "thresholds": [{"metric": "accuracy", "every": "line", "min": 0.9}]}
    run = logged(ep.evaluate(data, requirements=wanted))
    description = run.data.tags["mlflow.note.content"]
    assert len(description) < 8000
    assert description.endswith("more in `evalplus/evaluation.json`.")


def test_labels_and_slices_of_any_name_are_logged(store: str) -> None:
    odd = ["", ".", "..", "a/b", "中文", "😀", "x" * 300, "a|b", "<script>", "a\nb", " ", "$%&"]
    frame = pd.DataFrame({"label": odd * 2, "prediction": odd + odd[::-1], "channel": (odd[::-1]) * 2})
    evaluation = ep.evaluate(frame, slices=["channel"])
    run = logged(evaluation)
    assert run.data.metrics["quality/accuracy"] == pytest.approx(0.5)
    assert contents(ep.load(run.info.run_id)) == contents(ep.attribute(evaluation))


def test_logging_goes_to_the_named_run_the_active_one_or_a_new_one(store: str, frame: pd.DataFrame) -> None:
    evaluation = ep.evaluate(frame)
    with mlflow.start_run() as named:
        pass
    ep.log(evaluation, named.info.run_id)
    assert mlflow.active_run() is None
    assert "quality/accuracy" in mlflow.get_run(named.info.run_id).data.metrics
    ep.log(evaluation)
    begun = mlflow.active_run()
    assert begun is not None
    ep.log(evaluation)
    assert mlflow.active_run().info.run_id == begun.info.run_id
    mlflow.end_run()


def test_the_returned_metrics_are_those_of_the_run(store: str, frame: pd.DataFrame) -> None:
    with mlflow.start_run() as run:
        returned = ep.log(ep.evaluate(frame, slices=["channel"]))
    assert mlflow.get_run(run.info.run_id).data.metrics == pytest.approx(returned)


def test_rows_are_loaded_only_where_they_are_wanted(store: str, frame: pd.DataFrame) -> None:
    run_id = logged(ep.evaluate(frame)).info.run_id
    bare = ep.load(run_id, predictions=False)
    assert bare.predictions is None
    with pytest.raises(ComparisonError, match="needs the rows"):
        ep.compare(bare, run_id)


@pytest.mark.slow
def test_runs_are_compared_by_id_as_their_evaluations(store: str, frame: pd.DataFrame) -> None:
    better = frame.assign(prediction=frame["label"].where(frame.index % 3 > 0, frame["prediction"]))
    a, b = (ep.evaluate(data, text="text", slices=["channel"]) for data in (better, frame))
    by_id = ep.compare(logged(a).info.run_id, logged(b).info.run_id)
    assert plain(asdict(by_id)["metrics"]) == plain(asdict(ep.compare(a, b))["metrics"])
    assert by_id.metrics["accuracy"].value == pytest.approx(
        (better["prediction"] == frame["label"]).mean() - (frame["prediction"] == frame["label"]).mean()
    )


def test_runs_on_different_test_sets_are_refused(store: str, frame: pd.DataFrame) -> None:
    whole, part = (logged(ep.evaluate(data, text="text")).info.run_id for data in (frame, frame.head(400)))
    with pytest.raises(ComparisonError, match="400 examples are shared, 200 are only in the first"):
        ep.compare(whole, part)
    assert ep.compare(whole, part, shared_only=True).n == 400


def test_what_carries_no_evaluation_is_said_so(store: str) -> None:
    with mlflow.start_run() as run:
        pass
    with pytest.raises(TrackingError, match=r"carries no evalplus/evaluation.json; was it evaluated"):
        ep.load(run.info.run_id)
    with pytest.raises(TrackingError, match="Run with id=0123 not found"):
        ep.load("0123")


def test_logging_into_a_run_that_is_not_there_is_a_clear_error(store: str, frame: pd.DataFrame) -> None:
    with pytest.raises(TrackingError, match="not found"):
        ep.log(ep.evaluate(frame), "0123")
    with mlflow.start_run() as run:
        pass
    mlflow.delete_run(run.info.run_id)
    with pytest.raises(TrackingError, match="active"):
        ep.log(ep.evaluate(frame), run.info.run_id)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 2}', "has schema version 2, this mlflow-evalplus reads 1"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"schema_version": 1}', "is damaged"),
    ],
)
def test_a_record_that_cannot_be_read_names_itself(text: str, message: str) -> None:
    with pytest.raises(TrackingError, match=f"evaluation.json of run 7 {message}"):
        record.parse(text, "evaluation.json of run 7")


def test_a_record_of_before_throughput_was_measured_is_read(frame: pd.DataFrame) -> None:
    """Runs of this schema version were logged with a latency of four fields, and verdicts without notes."""
    evaluation = rich(frame)
    content = json.loads(record.dump(evaluation))
    content["latency"] = {key: content["latency"][key] for key in ("single", "batch_size", "batch_seconds", "machine")}
    del content["verdict"]["notes"]
    back = record.parse(json.dumps(content), "a test")
    assert contents(back) == contents(evaluation)
    assert ep.decide(back).notes == ()
    assert len(back.latency.frame()) == 3
    assert back.cost_per_1000 == 1 / 3


def test_all_that_is_measured_of_a_model_survives_the_record(frame: pd.DataFrame) -> None:
    rates = {1: Estimate(50.0, 40.0, 60.0, 200), 128: Estimate(900.0, math.nan, math.nan, 3)}
    footprint = Footprint(1.5, 2_000_000, 500_000_000, None)
    latency = replace(
        rich(frame).latency, throughput=rates, cpu_s_per_1000=0.5, threads="openblas 2", other_load=0.4,
        footprint=footprint,
    )  # fmt: skip
    back = record.parse(record.dump(replace(rich(frame), latency=latency)), "a test")
    assert repr(back.latency) == repr(latency)


def test_runs_are_found_by_id_by_its_beginning_and_by_name(store: str, frame: pd.DataFrame) -> None:
    evaluation = ep.evaluate(frame)
    found = []
    for name in ("words", "rules", "words"):
        with mlflow.start_run(run_name=name) as run:
            ep.log(evaluation)
        found.append(run.info.run_id)
    first, rules, second = found
    assert [run.info.run_id for run in find_runs([first, rules[:8], "words"])] == [first, rules, second]
    with pytest.raises(TrackingError, match=r"name 'word'; runs are \['words', 'rules'\]. Did you mean 'words'\?"):
        find_runs(["word"])
    with pytest.raises(TrackingError, match=r"no experiment 'test'; .*Did you mean 'tests'\?"):
        find_runs([], "test")


def test_the_newest_series_is_found_oldest_first(store: str, frame: pd.DataFrame) -> None:
    """What was logged by the way does not take the series' place; without a series the newest run is taken."""
    evaluation = ep.evaluate(frame)

    def newest_after(name: str, series: str = "") -> list[str]:
        with mlflow.start_run(run_name=name, tags={names.TAG_SERIES: series} if series else None):
            ep.log(evaluation)
        return [run.info.run_name for run in find_runs()]

    assert newest_after("first") == ["first"]
    assert newest_after("second") == ["second"]
    assert newest_after("old", "s1") == ["old"]
    assert newest_after("a", "s2") == ["a"]
    assert newest_after("b", "s2") == ["a", "b"]
    with mlflow.start_run(run_name="not evaluated", tags={names.TAG_SERIES: "s3"}):
        pass
    assert newest_after("alone") == ["a", "b"]


def test_a_store_without_evaluated_runs_says_what_to_do(store: str) -> None:
    with pytest.raises(TrackingError, match=r"no evaluated run in MLflow at sqlite.*mlflow run"):
        find_runs()


def test_what_is_loaded_equals_what_was_logged_also_where_it_is_undefined(store: str, frame: pd.DataFrame) -> None:
    asked = {"task": {"labels": ["negative", "neutral", "positive", "mixed"]}, "error_costs": {"mixed": {"neutral": 3}}}
    evaluation = ep.evaluate(frame, slices=["channel"], requirements=asked)
    assert not evaluation.classes["mixed"].metrics["recall"].defined
    loaded = ep.load(logged(evaluation).info.run_id)
    assert loaded == ep.attribute(evaluation)
    assert replace(loaded, attribution=None) == evaluation
    assert replace(loaded, n=loaded.n + 1) != ep.attribute(evaluation)


def test_what_a_search_finds_and_the_bins_of_confidence_are_logged_and_loaded(store: str) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"label": rng.choice(["yes", "no"], 2000), "shop": rng.choice(list("abcd"), 2000)})
    wrong = rng.random(2000) < np.where(frame["shop"] == "b", 0.4, 0.05)
    frame["prediction"] = np.where(wrong, np.where(frame["label"] == "yes", "no", "yes"), frame["label"])
    frame["yes"] = np.where(frame["prediction"] == "yes", 0.9, 0.1)
    scores = {"yes": "yes", "no": "no"}
    evaluation = ep.evaluate(frame.assign(no=1 - frame["yes"]), slices=["shop"], scores=scores, discover=2)
    assert evaluation.discovery
    assert [row.name for row in evaluation.discovery.rows] == ["shop=b"]
    run = logged(evaluation)
    loaded = ep.load(run.info.run_id)
    assert loaded == ep.attribute(evaluation)
    assert (loaded.discovery, loaded.calibration) == (evaluation.discovery, evaluation.calibration)
    found = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id, "evalplus")}
    assert {names.DISCOVERY_TABLE, names.CALIBRATION_TABLE} <= found
    page = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{names.DISCOVERY_PAGE}")
    assert "shop=b" in page
    assert "shop=b, which nobody declared" not in run.data.tags["mlflow.note.content"]  # it is a declared slice
    assert run.data.metrics["slices/n_discovered"] == 1
    assert run.data.metrics["quality/log_loss"] == pytest.approx(evaluation.metrics["log_loss"].value)


def test_the_test_set_is_listed_as_an_input_with_our_digest(store: str, frame: pd.DataFrame) -> None:
    evaluation = ep.evaluate(frame, slices=["channel"])
    (data,) = logged(evaluation).inputs.dataset_inputs
    assert data.dataset.digest == evaluation.data_digest
    assert json.loads(data.dataset.profile) == {"num_rows": len(frame)}
    columns = [column["name"] for column in json.loads(data.dataset.schema)["mlflow_colspec"]]
    assert columns == ["label", "prediction", "channel"]
    assert mlflow.data.get_source(data) is not None


def test_several_who_log_the_same_data_first_all_succeed(store: str) -> None:
    """MLflow looks for a data set, then inserts it: of those that do so at once all but one are refused."""
    client = mlflow.MlflowClient()
    for k in range(8):
        data = DatasetInput(Dataset(f"test set {k}", "d1", "code", "{}"))
        runs = [client.create_run("0").info.run_id for _ in range(4)]
        at_once = threading.Barrier(len(runs))

        def log(run_id: str, data: DatasetInput = data, at_once: threading.Barrier = at_once) -> None:
            at_once.wait(timeout=60)
            log_data(client, run_id, data)

        with ThreadPoolExecutor(len(runs)) as pool:
            list(pool.map(log, runs))
        assert [client.get_run(run_id).inputs.dataset_inputs[0].dataset.name for run_id in runs] == [
            f"test set {k}"
        ] * 4


def test_what_is_refused_for_another_reason_is_not_tried_again(store: str) -> None:
    with pytest.raises(MlflowException, match="not found"):
        log_data(mlflow.MlflowClient(), "0" * 32, DatasetInput(Dataset("test set", "d1", "code", "{}")))


def test_the_matrix_is_where_log_image_puts_an_image(store: str, frame: pd.DataFrame) -> None:
    """Under MLflow's own names, but for time, id and format; logged again, it is replaced."""
    client = mlflow.MlflowClient()
    run = logged(ep.evaluate(frame))
    ep.log(ep.evaluate(frame), run.info.run_id)
    other = client.create_run(run.info.experiment_id)
    client.log_image(other.info.run_id, np.zeros((9, 9), dtype=np.uint8), key=names.CONFUSION_IMAGE, synchronous=True)

    def images(run_id: str) -> list[str]:
        paths = [file.path for file in client.list_artifacts(run_id, "images")]
        return sorted(re.sub(r"timestamp\+\d+\+[^+.]+|\.\w+$", "", path) for path in paths)

    assert images(run.info.run_id) == images(other.info.run_id)
    tag = "mlflow.loggedImages"
    assert client.get_run(run.info.run_id).data.tags[tag] == client.get_run(other.info.run_id).data.tags[tag]
