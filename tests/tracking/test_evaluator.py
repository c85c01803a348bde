from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.data.evaluation_dataset import EvaluationDataset
from mlflow.entities import Run
from mlflow.models import EvaluationResult, infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, recall_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import ColumnNotFound, DataError, EvalPlusError
from mlflow_evalplus.tracking.evaluator import EvalPlusEvaluator, evaluation_of
from tests.tracking.test_scoring import spy

WORDS = {"bad": "awful slow broken", "fine": "okay usual average", "good": "lovely quick great"}


def messages(n: int = 150, seed: int = 3) -> pd.DataFrame:
    """Return texts whose words tell the label in four of five rows; two slice columns beside them."""
    rng = np.random.default_rng(seed)
    label = rng.choice(list(WORDS), n)
    told = np.where(rng.random(n) < 0.8, label, rng.choice(list(WORDS), n))
    texts = [f"{rng.choice(WORDS[t].split())} {rng.choice(['parcel', 'app', 'shop'])} {i}" for i, t in enumerate(told)]
    return pd.DataFrame(
        {
            "text": texts,
            "label": label,
            "channel": rng.choice(["app", "web"], n),
            "language": rng.choice(["en", "zh"], n),
        }
    )


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return messages()


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    train = messages(seed=4)
    return text_classifier().fit(train[["text"]], train["label"])


def text_classifier() -> Pipeline:
    return make_pipeline(ColumnTransformer([("text", TfidfVectorizer(), "text")]), LogisticRegression())


def ask_plugin(model: Any, data: Any, **config: Any) -> EvaluationResult:
    return mlflow.models.evaluate(
        model, data, targets="label", model_type="classifier",
        evaluators=["evalplus"], evaluator_config={"evalplus": {"latency_requests": 3, "footprint": False, **config}},
    )  # fmt: skip


def static(data: pd.DataFrame, targets: str = "label", **config: Any) -> EvaluationResult:
    return mlflow.models.evaluate(
        data=data, targets=targets, predictions="prediction", model_type="classifier",
        evaluators=["evalplus"], evaluator_config={"evalplus": config},
    )  # fmt: skip


def dataset(data: pd.DataFrame) -> EvaluationDataset:
    return EvaluationDataset(data, targets="label", predictions="prediction")


def runs() -> list[Run]:
    client = mlflow.MlflowClient()
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()]))


def only_run() -> Run:
    (run,) = runs()
    return run


def history(run: Run) -> dict[str, int]:
    """Return how often each metric of a run was written."""
    client = mlflow.MlflowClient()
    return {key: len(client.get_metric_history(run.info.run_id, key)) for key in run.data.metrics}


def artifacts(run_id: str) -> set[str]:
    client = mlflow.MlflowClient()
    found = [*client.list_artifacts(run_id), *client.list_artifacts(run_id, "evalplus")]
    return {file.path for file in found if not file.is_dir}


def test_a_text_classifier_is_evaluated_as_scikit_learn_would(
    store: str, data: pd.DataFrame, pipeline: Pipeline
) -> None:
    info = mlflow.sklearn.log_model(pipeline, name="words", pip_requirements=["scikit-learn"])
    result = ask_plugin(info.model_uri, data, slices=["channel", "language"], text="text")
    label, prediction = data["label"], pipeline.predict(data[["text"]])
    expected = {
        "quality/accuracy": accuracy_score(label, prediction),
        "quality/f1_macro": f1_score(label, prediction, average="macro"),
        "quality/cohen_kappa": cohen_kappa_score(label, prediction),
        "quality/n_examples": len(data),
        **{
            f"recall_by_class/{c}": r for c, r in zip(WORDS, recall_score(label, prediction, average=None), strict=True)
        },
    }
    for channel, rows in data.groupby("channel"):
        expected[f"accuracy_by_channel/{channel}"] = accuracy_score(rows["label"], prediction[rows.index])
    assert {key: result.metrics[key] for key in expected} == pytest.approx(expected)
    rows = ep.load(only_run().info.run_id).predictions.table
    np.testing.assert_allclose(rows["score.good"].to_numpy(), pipeline.predict_proba(data[["text"]])[:, 2])
    assert rows["text"].to_pylist() == data["text"].tolist()


@pytest.mark.slow
def test_a_models_footprint_is_measured_unless_it_is_left_out(
    store: str, data: pd.DataFrame, pipeline: Pipeline
) -> None:
    info = mlflow.sklearn.log_model(pipeline, name="words", pip_requirements=["scikit-learn"])
    keys = {"resources/load_s", "resources/size_mb", "resources/peak_memory_mb"}
    assert keys <= set(ask_plugin(info.model_uri, data, footprint=True).metrics)
    for config in ({"footprint": False}, {"footprint": True, "latency_requests": 0}):
        assert not keys & set(ask_plugin(info.model_uri, data, **config).metrics)
    whole = {"slices": ["channel"], "latency_requests": 3}
    evaluation = evaluation_of(
        mlflow.pyfunc.load_model(info.model_uri), EvaluationDataset(data, targets="label"), whole
    )
    assert evaluation.latency is not None
    assert evaluation.latency.footprint is not None
    assert evaluation.notes == ()


def test_a_footprint_that_is_not_known_is_a_note(tmp_path: Path, data: pd.DataFrame, pipeline: Pipeline) -> None:
    mlflow.sklearn.save_model(pipeline, str(tmp_path / "m"), pip_requirements=["scikit-learn"])
    model, rows = mlflow.pyfunc.load_model(str(tmp_path / "m")), EvaluationDataset(data, targets="label")
    evaluation = evaluation_of(model, rows, {"latency_requests": 3})
    assert [note[:58] for note in evaluation.notes] == ["The footprint is not known: the model was not logged, so i"]
    assert evaluation.latency is not None
    assert evaluation.latency.footprint is None
    with pytest.raises(DataError, match="footprint is None; give True, False"):
        evaluation_of(model, rows, {"footprint": None})


def test_metrics_stand_once_in_the_history_with_a_logged_model(
    store: str, data: pd.DataFrame, pipeline: Pipeline
) -> None:
    """MLflow logs what we return where it knows the model: logged by us as well, each would stand there twice."""
    info = mlflow.sklearn.log_model(pipeline, name="words", pip_requirements=["scikit-learn"])
    result = ask_plugin(info.model_uri, data, slices=["channel"])
    run = only_run()
    assert history(run) == dict.fromkeys(result.metrics, 1)
    model = mlflow.MlflowClient().get_logged_model(info.model_id)
    assert {metric.key for metric in model.metrics} == set(result.metrics)


def test_metrics_stand_once_in_the_history_without_a_logged_model(store: str, frame: pd.DataFrame) -> None:
    result = static(frame, slices=["channel"])
    assert history(only_run()) == dict.fromkeys(result.metrics, 1)
    assert len(result.metrics) > 20


def test_slice_columns_never_reach_a_model_without_a_signature(store: str, tmp_path: Path, data: pd.DataFrame) -> None:
    model, calls = spy(tmp_path)
    ask_plugin(model, data.assign(customer=range(150)), slices=["channel", "language"], cluster="customer")
    assert {tuple(columns) for _, columns in calls()} == {("text",)}
    first, *others = (n for n, _ in calls())
    assert first == len(data)
    assert set(others) == {1, 8, 32, 128}


def test_the_model_is_asked_once_where_nothing_is_timed(store: str, tmp_path: Path, data: pd.DataFrame) -> None:
    model, calls = spy(tmp_path)
    ask_plugin(model, data, slices=["channel", "language"], latency_requests=0)
    assert calls() == [[len(data), ["text"]]]


def test_a_slice_column_that_is_a_feature_reaches_the_model(store: str, data: pd.DataFrame) -> None:
    encoders = [("text", TfidfVectorizer(), "text"), ("channel", OneHotEncoder(), ["channel"])]
    inputs = data[["text", "channel"]]
    both = make_pipeline(ColumnTransformer(encoders), LogisticRegression()).fit(inputs, data["label"])
    signature = infer_signature(inputs, both.predict(inputs))
    info = mlflow.sklearn.log_model(both, name="both", signature=signature, pip_requirements=["scikit-learn"])
    result = ask_plugin(info.model_uri, data, slices=["channel", "language"])
    assert result.metrics["quality/accuracy"] == pytest.approx(accuracy_score(data["label"], both.predict(inputs)))


def test_prediction_and_score_columns_of_a_model_from_code_are_logged(store: str, tmp_path: Path) -> None:
    data = pd.DataFrame({"text": ["lovely", "awful"] * 20, "label": ["good", "bad", "bad", "bad"] * 10})
    model, _ = spy(tmp_path)
    result = ask_plugin(model, data)
    assert result.metrics["quality/accuracy"] == pytest.approx(0.75)
    rows = ep.load(only_run().info.run_id).predictions.table
    assert rows["score.good"].to_pylist() == [0.9, 0.2] * 20


def test_a_plain_function_is_a_model(store: str, data: pd.DataFrame) -> None:
    seen: list[list[str]] = []

    def model(inputs: pd.DataFrame) -> list[str]:
        seen.append(list(inputs.columns))
        return ["good" if "great" in text else "bad" for text in inputs["text"]]

    result = ask_plugin(model, data, slices=["channel", "language"])
    expected = [("good" if "great" in text else "bad") for text in data["text"]]
    assert result.metrics["quality/accuracy"] == pytest.approx(accuracy_score(data["label"], expected))
    assert seen == [["text"]] * len(seen)
    assert only_run().info.status == "FINISHED"


def test_static_predictions_are_paired_by_place_whatever_the_index(store: str, frame: pd.DataFrame) -> None:
    shuffled = frame.sample(frac=1, random_state=1)
    result = static(shuffled, slices=["channel"], extra_columns=frame.loc[shuffled.index, ["language"]])
    assert result.metrics["quality/accuracy"] == pytest.approx((frame["label"] == frame["prediction"]).mean())
    table = ep.load(only_run().info.run_id).predictions.table
    for column in ("label", "prediction"):
        assert table[column].to_pylist() == shuffled[column].tolist()


def test_an_mlflow_dataset_carries_its_own_columns(store: str, frame: pd.DataFrame) -> None:
    given = mlflow.data.from_pandas(frame, targets="label", predictions="prediction")
    result = mlflow.models.evaluate(
        data=given, model_type="classifier", evaluators="evalplus", evaluator_config={"slices": ["channel"]}
    )
    assert result.metrics["quality/accuracy"] == pytest.approx((frame["label"] == frame["prediction"]).mean())


def test_arrays_are_data_too(store: str) -> None:
    rng = np.random.default_rng(6)
    inputs, label = rng.normal(size=(80, 2)), np.array(["no", "yes"] * 40)
    channel = pd.DataFrame({"channel": ["app", "web"] * 40})
    result = mlflow.models.evaluate(
        lambda rows: np.where(rows["feature_1"] > 0, "yes", "no"), inputs, targets=label, model_type="classifier",
        evaluators="evalplus",
        evaluator_config={"slices": ["channel"], "extra_columns": channel, "latency_requests": 2, "footprint": False},
    )  # fmt: skip
    right = np.where(inputs[:, 0] > 0, "yes", "no") == label
    assert result.metrics["quality/accuracy"] == pytest.approx(right.mean())
    assert result.metrics["accuracy_by_channel/web"] == pytest.approx(right[1::2].mean())


def test_slice_columns_that_feature_names_hides_come_in_extra_columns(store: str, data: pd.DataFrame) -> None:
    result = mlflow.models.evaluate(
        lambda inputs: ["good"] * len(inputs), data, targets="label", feature_names=["text"], model_type="classifier",
        evaluators="evalplus", evaluator_config={"slices": ["channel"], "extra_columns": data, "latency_requests": 0},
    )  # fmt: skip
    web = data[data["channel"] == "web"]
    assert result.metrics["accuracy_by_channel/web"] == pytest.approx((web["label"] == "good").mean())
    with pytest.raises(DataError, match="extra_columns has 10 rows, the data 150"):
        ask_plugin(lambda inputs: ["good"] * len(inputs), data, extra_columns=data.head(10))


@pytest.mark.parametrize("kind", ["int64", "float64", "bool", "string", "category", "object"])
def test_labels_of_any_kind_are_counted(kind: str) -> None:
    """Predictions may come as another type than the labels: 1.0 is 1."""
    label = pd.Series([0, 1, 1, 0, 1] * 12).astype("bool" if kind == "bool" else "int64").astype(kind)
    prediction = pd.Series([0, 1, 0, 0, 1] * 12).astype("bool" if kind == "bool" else "float64")
    frame = pd.DataFrame({"gold": label, "prediction": prediction, "x": 1.0})
    evaluation = evaluation_of(None, EvaluationDataset(frame, targets="gold", predictions="prediction"), {})
    assert evaluation.labels == (("False", "True") if kind == "bool" else ("0", "1"))
    assert evaluation.metrics["accuracy"].value == pytest.approx(0.8)
    assert evaluation.classes.rows[1].metrics["recall"].value == pytest.approx(2 / 3)


def test_a_declared_class_that_is_absent_has_no_recall(store: str, frame: pd.DataFrame) -> None:
    """MLflow would write a nan as 0.0."""
    labels = ["negative", "neutral", "positive", "mixed"]
    result = static(frame, requirements={"task": {"labels": labels}})
    assert "recall_by_class/mixed" not in result.metrics
    assert np.isnan(ep.load(only_run().info.run_id).classes["mixed"].metrics["recall"].value)


@pytest.mark.parametrize("declared", [(), ("bad", "fine")])
def test_a_model_may_know_a_class_that_the_data_lacks(
    data: pd.DataFrame, pipeline: Pipeline, tmp_path: Path, declared: tuple[str, ...]
) -> None:
    """A test set of one week seldom holds every class; what is not declared is a wrong answer, but no bad data."""
    rows = data[data["label"] != "good"]
    mlflow.sklearn.save_model(pipeline, str(tmp_path / "m"), pip_requirements=["scikit-learn"])
    model = mlflow.pyfunc.load_model(str(tmp_path / "m"))
    for rows_asked in (rows, rows[pipeline.predict(rows[["text"]]) != "good"]):
        config = {
            "requirements": {"task": {"labels": declared}}, "slices": ["channel", "language"], "latency_requests": 0,
        }  # fmt: skip
        evaluation = evaluation_of(model, EvaluationDataset(rows_asked, targets="label"), config)
        right = pipeline.predict(rows_asked[["text"]]) == rows_asked["label"]
        assert evaluation.metrics["accuracy"].value == pytest.approx(right.mean())
        assert evaluation.predictions.table["score.bad"].null_count == 0


def test_single_class_data_is_evaluated(store: str) -> None:
    data = pd.DataFrame({"text": ["x"] * 30, "label": ["a"] * 30, "prediction": ["a"] * 30, "slice": ["s"] * 30})
    result = static(data, slices=["slice"])
    assert result.metrics["quality/accuracy"] == 1
    assert "quality/cohen_kappa" not in result.metrics  # chance agreement is certain: 0 / 0


def test_text_columns_of_pandas_3_are_read(store: str, pipeline: Pipeline, data: pd.DataFrame) -> None:
    """MLflow's own evaluator crashes on them."""
    typed = data.astype({"text": "str", "label": "str", "channel": "category"})
    info = mlflow.sklearn.log_model(pipeline, name="words", pip_requirements=["scikit-learn"])
    result = ask_plugin(info.model_uri, typed, slices=["channel"])
    assert result.metrics["quality/accuracy"] == pytest.approx(
        (pipeline.predict(data[["text"]]) == data["label"]).mean()
    )


def test_one_prediction_for_all_rows_is_a_clear_error_and_a_failed_run(store: str, data: pd.DataFrame) -> None:
    trap = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(data["text"], data["label"])
    info = mlflow.sklearn.log_model(trap, name="trap", pip_requirements=["scikit-learn"])
    with pytest.raises(DataError, match=r"returned 1 predictions for 150 rows.*ColumnTransformer"):
        ask_plugin(info.model_uri, data[["text", "label"]])
    assert [run.info.status for run in runs()] == ["FAILED"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own evaluator, on integers
def test_without_configuration_a_run_is_left_alone(store: str) -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"label": rng.integers(0, 2, 40), "prediction": rng.integers(0, 2, 40), "x": 1.0})
    result = mlflow.models.evaluate(data=data, targets="label", predictions="prediction", model_type="classifier")
    assert result.metrics["accuracy_score"] == pytest.approx((data["label"] == data["prediction"]).mean())
    run = only_run()
    assert not [key for key in [*run.data.tags, *run.data.metrics] if "evalplus" in key or key.startswith("quality/")]
    assert not [path for path in artifacts(run.info.run_id) if "evalplus" in path]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own evaluator, on integers
@pytest.mark.parametrize("nested", [True, False])
def test_flat_and_nested_configuration_work_beside_mlflows_own_evaluator(store: str, nested: bool) -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {"label": rng.integers(0, 2, 40), "prediction": rng.integers(0, 2, 40), "channel": ["a", "b"] * 20}
    )
    ours, theirs = {"slices": ["channel"]}, {"log_model_explainability": False, "metric_prefix": "m_"}
    result = mlflow.models.evaluate(
        data=data, targets="label", predictions="prediction", model_type="classifier",
        evaluator_config={"evalplus": ours, "default": theirs} if nested else {**ours, **theirs},
    )  # fmt: skip
    accuracy = (data["label"] == data["prediction"]).mean()
    assert result.metrics["m_accuracy_score"] == pytest.approx(accuracy)
    assert result.metrics["quality/accuracy"] == pytest.approx(accuracy)
    assert "accuracy_by_channel/a" in result.metrics


@pytest.mark.parametrize(
    "key",
    [
        "log_model_explainability",
        "sample_weights",
        "pos_label",
        "metric_prefix",
        "average",
        "label_list",
        "col_mapping",
    ],
)
def test_mlflows_own_keys_do_not_call_for_this_plugin(key: str) -> None:
    """The plugin is installed next to other people's code: a call that is not for us must not meet our errors."""
    assert not EvalPlusEvaluator.can_evaluate(model_type="classifier", evaluator_config={key: None})


def test_only_classifiers_are_for_this_plugin() -> None:
    assert EvalPlusEvaluator.can_evaluate(model_type="classifier", evaluator_config={"slices": []})
    assert not EvalPlusEvaluator.can_evaluate(model_type="regressor", evaluator_config={"slices": []})
    assert not EvalPlusEvaluator.can_evaluate(model_type="classifier", evaluator_config=None)


def test_an_unknown_key_is_answered_with_the_nearest(store: str, frame: pd.DataFrame) -> None:
    with pytest.raises(EvalPlusError, match=r"unknown key 'slcies'.*Did you mean 'slices'\?"):
        static(frame, slcies=["channel"])
    with pytest.raises(EvalPlusError, match=r"unknown key 'sample_weights'.*Did you mean 'weight'\?"):
        static(frame, slices=["channel"], sample_weights=[1.0] * 600)
    assert {run.info.status for run in runs()} == {"FAILED"}


def test_requirements_are_held_against_the_model(store: str, frame: pd.DataFrame) -> None:
    wanted = {"slices": ["channel"], "thresholds": [{"metric": "accuracy", "every": "channel", "min": 0.5}]}
    static(frame, requirements=wanted)
    assert only_run().data.tags[names.TAG_VERDICT] == "pass"
    result = evaluation_of(None, dataset(frame), {"requirements": wanted, "slices": ["language"]})
    assert result.verdict.outcome.value == "undecided"
    assert "no slice of column 'channel' was evaluated" in result.verdict.sentence


UNDECLARED = {"task": {"labels": ["negative", "neutral"]}}


@pytest.mark.parametrize(
    ("changed", "config", "message"),
    [
        ({}, {"slices": ["chanel"]}, r"'chanel' is not in the data.*Did you mean 'channel'\?"),
        ({}, {"text": "txt"}, r"'txt' is not in the data.*Did you mean 'text'\?"),
        ({}, {"requirements": UNDECLARED}, r"'label' holds labels that are not declared: \['positive'\]"),
        ({"label": [None, "neutral"] * 300}, {}, r"300 of 600 rows have no label in 'label' \(rows \[0, 2"),
        ({"label": [float("nan"), 1.0] * 300}, {}, "300 of 600 rows have no label in 'label'"),
        ({"id": range(600)}, {"slices": ["id"]}, "slice column 'id' has 600 different values"),
        ({"w": 0.0}, {"weight": "w"}, "column 'w' must hold a number above 0"),
        ({}, {"example_id": "channel"}, "597 ids in 'channel' occur more than once"),
    ],
)
def test_a_mistake_in_the_data_is_named_before_the_model_is_asked(
    frame: pd.DataFrame, changed: dict[str, Any], config: dict[str, Any], message: str
) -> None:
    def model(inputs: pd.DataFrame) -> list[str]:
        raise AssertionError("the model was asked")

    data = frame.assign(**changed)
    with pytest.raises(DataError, match=message):
        evaluation_of(model, EvaluationDataset(data, targets="label"), config)
    with pytest.raises(DataError, match=message):
        evaluation_of(None, dataset(data), config)


def test_a_mistake_leaves_no_run_running(store: str, frame: pd.DataFrame) -> None:
    with pytest.raises(ColumnNotFound, match="Did you mean 'channel'"):
        static(frame, slices=["chanel"])
    with pytest.raises(DataError, match="no label in 'label'"), mlflow.start_run():
        static(frame.assign(label=None), slices=["channel"])
    with pytest.raises(DataError, match="no rows"):  # MLflow itself fails on no rows of text under pandas 3
        static(pd.DataFrame({"label": [1], "prediction": [1], "channel": [1]}).head(0), slices=["channel"])
    assert [run.info.status for run in runs()] == ["FAILED"] * 3


def test_predictions_or_a_model_must_be_given(store: str, frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="neither a model nor predictions"):
        mlflow.models.evaluate(
            data=frame, targets="label", model_type="classifier",
            evaluators="evalplus", evaluator_config={"slices": ["channel"]},
        )  # fmt: skip


def test_the_same_test_set_has_one_digest_for_every_model(data: pd.DataFrame) -> None:
    """MLflow's own digest differs with the predictions; ours says that two runs may be compared."""
    config = {"slices": ["channel"], "text": "text"}
    found = [evaluation_of(None, dataset(data.assign(prediction=answer)), config) for answer in ("good", "bad")]
    assert found[0].data_digest == found[1].data_digest
    other = evaluation_of(None, dataset(data.assign(prediction="good", label="bad")), config)
    assert other.data_digest != found[0].data_digest
