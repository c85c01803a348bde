from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.models import EvaluationResult
from sklearn.metrics import confusion_matrix

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.reading import question_set
from mlflow_evalplus.core.questions.writing import write_questions
from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.tracking.selection.answers_evaluator import CONFIG_KEYS, NAME, AnswersEvaluator

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore:.*input example:UserWarning"),
]
LABELS = ("negative", "neutral", "positive")


@pytest.fixture
def data() -> pd.DataFrame:
    """Return 60 label questions in two languages; of 6 the answer is wrong, of 1 it is none."""
    gold = [LABELS[place % 3] for place in range(60)]
    said = [*("negative" for _ in range(9)), "I cannot say.", *gold[10:]]
    return pd.DataFrame(
        {
            "question": [f"Is message {place} kind?" for place in range(60)],
            "gold": gold,
            "answer": said,
            "choices": [list(LABELS)] * 60,
            "ability": ["mood"] * 60,
            "language": ["en", "zh"] * 30,
        }
    )


CONFIG = {"type": "label", "dimension": "ability", "tags": ["language"]}


def static(data: pd.DataFrame, **config: Any) -> EvaluationResult:
    return mlflow.models.evaluate(
        data=data, targets="gold", predictions="answer", model_type="question-answering",
        evaluators=[NAME], evaluator_config={NAME: config or CONFIG},
    )  # fmt: skip


def last_run() -> Run:
    return mlflow.MlflowClient().search_runs(["0", "1"], order_by=["attributes.start_time DESC"])[0]


def artifacts(run: Run) -> set[str]:
    client = mlflow.MlflowClient()
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    return files | {file.path for file in client.list_artifacts(run.info.run_id, "evalplus")}


def wrong_share(data: pd.DataFrame) -> float:
    return float(np.mean(data["gold"] == data["answer"]))


def test_predictions_are_scored_as_a_candidates_are(data: pd.DataFrame) -> None:
    metrics = static(data).metrics
    run = last_run()
    assert metrics["selection/score"] == pytest.approx(wrong_share(data))
    assert metrics["selection/no_answer_rate"] == pytest.approx(1 / 60)
    assert metrics["score_by_dimension/mood"] == metrics["selection/score"]
    assert run.data.metrics == pytest.approx(metrics)
    assert run.data.tags[names.TAG_KIND] == names.KIND_CANDIDATE
    logged = artifacts(run)
    for name in (names.SUMMARY, names.DIMENSIONS_PAGE, names.SLICES_PAGE, names.ATTRIBUTION_PAGE, names.REPORT,
                 names.CONFUSION_PAGE, names.CONFUSION_FIGURE, names.ANSWERS, names.FAILED_TABLE):  # fmt: skip
        assert name in logged

    page = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{names.CONFUSION_PAGE}")
    want = confusion_matrix(data["gold"], data["answer"], labels=LABELS)
    for label, counts in zip(LABELS, want, strict=True):
        row = next(line for line in page.splitlines() if line.startswith(f"| {label} "))
        assert [int(cell) for cell in row.split("|")[2:5]] == counts.tolist()


CODE = """
import json, os
import mlflow
import pandas as pd
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        with open(os.environ["ASKED"], "a") as file:
            file.write(json.dumps(sorted(map(str, model_input.columns))) + "\\n")
        if "message 7" in model_input["question"].iloc[0]:
            raise ValueError("seven")
        return [{"answer": "negative", "extra": 1}]
mlflow.models.set_model(Model())
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    (tmp_path / "code.py").write_text(CODE)
    info = mlflow.pyfunc.log_model(name="own", python_model=str(tmp_path / "code.py"), pip_requirements=["mlflow"])
    return str(info.model_uri)


def ask(model: Any, data: pd.DataFrame, **config: Any) -> EvaluationResult:
    return mlflow.models.evaluate(
        model, data.drop(columns="answer"), targets="gold", model_type="text",
        evaluators=NAME, evaluator_config=CONFIG | config,
    )  # fmt: skip


def test_a_model_is_asked_once_and_timed_row_by_row(data: pd.DataFrame, model: str, tmp_path: Path) -> None:
    metrics = ask(model, data).metrics
    asked = [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    assert len(asked) == 60
    assert asked[0] == ["question"]  # what tells of the question is not shown to a model without a signature
    assert metrics["selection/coverage"] == pytest.approx(59 / 60)
    assert metrics["selection/score"] == pytest.approx(20 / 59)  # the row that failed is missing, and not wrong
    assert metrics["calls/errors"] == 1
    assert metrics["latency_ms/p50"] > 0
    run, client = last_run(), mlflow.MlflowClient()
    assert {key: run.data.metrics[key] for key in metrics} == pytest.approx(metrics)  # MLflow logs them, and once
    assert len(client.get_metric_history(run.info.run_id, "selection/score")) == 1
    held = {metric.key for metric in client.get_logged_model(model.removeprefix("models:/")).metrics or ()}
    assert "selection/score" in held


def test_a_function_is_asked(data: pd.DataFrame) -> None:
    metrics = ask(lambda rows: ["neutral"] * len(rows), data).metrics
    assert metrics["selection/score"] == pytest.approx(1 / 3)


def test_a_model_that_fails_on_every_row_is_said(data: pd.DataFrame) -> None:
    def broken(rows: pd.DataFrame) -> list[str]:
        raise RuntimeError("no weights")

    with pytest.raises(
        DataError, match=r"failed on every row with the columns \['question'\]: RuntimeError: no weights"
    ):
        ask(broken, data)


@pytest.mark.parametrize("by", ["id", "text"])
def test_questions_of_a_file_are_found_by_id_or_text(data: pd.DataFrame, tmp_path: Path, by: str) -> None:
    rows = [
        {"id": f"q{place}", "input": row["question"], "type": "label", "choices": list(LABELS), "gold": row["gold"],
         "dimension": "mood", "twin": f"q{place ^ 1}", "tags": {"language": row["language"]}}
        for place, row in data.iterrows()
    ]  # fmt: skip
    write_questions(question_set(rows), tmp_path / "q.jsonl")
    data["key"] = [f"q{place}" for place in data.index]
    if by == "id":
        data["question"] = "?"
    config = {"questions": str(tmp_path / "q.jsonl")} | ({"id": "key"} if by == "id" else {})
    metrics = static(data.iloc[:-1], **config).metrics  # a question of the file that is not asked is left out
    assert metrics["selection/score"] == pytest.approx(wrong_share(data.iloc[:-1]))
    with pytest.raises(DataError, match=r"is in the rows \[1, 60\]; give each question once"):
        static(pd.concat([data.iloc[:59], data.iloc[:1]]), **config)
    data.loc[3, ["key", "question"]] = "other"
    with pytest.raises(DataError, match="no question has the"):
        static(data, **config)


def test_what_is_wrong_with_the_rows_is_said(data: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"unknown key 'dimensions'.*Did you mean 'dimension'"):
        static(data, type="label", dimensions="ability")
    with pytest.raises(ColumnNotFound, match="nothing"):
        static(data, type="label", text="nothing")
    for mistaken in ({"dimension": "abilty"}, {"tags": ["languge"]}, {"tags": "languge"}, {"id": "ident"}):
        with pytest.raises(ColumnNotFound, match=r"Did you mean|ident"):
            static(data, type="label", **mistaken)
    with pytest.raises(DataError, match="which of the columns"):
        static(data.rename(columns={"question": "what"}), type="label")
    with pytest.raises(DataError, match="the data ha"):
        static(data, type="no such type")
    with pytest.raises(DataError, match="no type is given"):
        static(data, dimension="ability")


def test_a_missing_prediction_is_missing(data: pd.DataFrame) -> None:
    data.loc[20:24, "answer"] = None
    metrics = static(data).metrics
    assert metrics["selection/coverage"] == pytest.approx(55 / 60)
    assert metrics["selection/score"] == pytest.approx(wrong_share(data.drop(index=range(20, 25))))


def test_requirements_and_own_scorers_count(data: pd.DataFrame) -> None:
    wanted = {"selection": {"gates": [{"metric": "score", "min": 0.3}]}}
    metrics = static(data, **CONFIG, requirements=wanted, scorers={"label": lambda question, text: 0.5}).metrics
    assert metrics["selection/score"] == pytest.approx(0.5)
    assert last_run().data.tags[names.TAG_VERDICT] == "pass"


def test_it_stays_out_of_the_way() -> None:
    can = AnswersEvaluator.can_evaluate
    assert can(model_type="question-answering", evaluator_config={"type": "label"})
    assert can(model_type="text", evaluator_config={"questons": "q.jsonl"})  # told of by evaluate
    assert not can(model_type="text", evaluator_config={})
    assert not can(model_type="text", evaluator_config=None)
    assert not can(model_type="text", evaluator_config={"col_mapping": {}})
    assert not can(model_type="classifier", evaluator_config={"type": "label"})
    assert len(set(CONFIG_KEYS)) == len(CONFIG_KEYS)


def test_answers_in_other_words_count_as_the_label(data: pd.DataFrame) -> None:
    data["answer"] = data["answer"].str.upper() + "."
    static(data)
    page = mlflow.artifacts.load_text(f"{last_run().info.artifact_uri}/{names.CONFUSION_PAGE}")
    assert "NEGATIVE" not in page


def test_mlflow_finds_it() -> None:
    (found,) = entry_points(group="mlflow.model_evaluator", name=NAME)
    assert found.load() is AnswersEvaluator
    assert AnswersEvaluator.name == NAME


@pytest.mark.slow
def test_nothing_heavy_is_imported_where_mlflow_looks_for_evaluators() -> None:
    code = (
        "import sys\n"
        "from importlib.metadata import entry_points\n"
        f"(found,) = entry_points(group='mlflow.model_evaluator', name={NAME!r})\n"
        "assert found.load().name == found.name\n"
        "heavy = ('mlflow_evalplus.core', 'mlflow_evalplus.render', 'matplotlib')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
