from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.questions.reading import question_set
from mlflow_evalplus.core.questions.writing import write_questions
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking.selection.genai_scorers import genai_scorers, row_of, text_of


@pytest.fixture
def questions() -> QuestionSet:
    rows: list[dict[str, Any]] = [
        {"id": "q1", "input": "Which is a fee?", "type": "choice", "choices": ["rent", "tip"], "gold": "rent"},
        {"id": "q2", "input": "What is 2 + 3?", "type": "numeric", "gold": 5},
        {"id": "q3", "input": "还款要几天?", "type": "exact", "gold": "三天", "tags": {"language": "zh"}},
        {"id": "q4", "input": "Write a letter.", "type": "rubric", "rubric": "polite"},
    ]
    return question_set(rows)


def run(scorers: list[Any], name: str, **row: Any) -> Any:
    found = next(scorer for scorer in scorers if scorer.name == name)
    return found.run(**row)


def test_a_row_is_found_by_id_or_text_and_scored(questions: QuestionSet) -> None:
    scorers = genai_scorers(questions)
    found = run(scorers, "score", inputs={"question": "anything", "id": "q2"}, outputs="Answer: 5")
    assert (found.value, found.name) == (1.0, "score")
    assert found.metadata == {"question": "q2", "type": "numeric", "status": "right", "extracted": "5"}
    assert found.rationale == score_answer(questions["q2"], Answer("", "q2", text="Answer: 5")).why
    assert run(scorers, "passed", inputs={"question": "Which is a fee?"}, outputs="B").value is False
    asked = "Which is a fee?\n\nA. rent\nB. tip\n\nAnswer with the letter of the right choice only."
    assert (
        run(scorers, "passed", inputs={"messages": [{"role": "user", "content": asked}]}, outputs=["A"]).value is True
    )
    with pytest.raises(DataError, match="no question has the id 'q9'"):
        run(scorers, "score", inputs={"id": "q9"}, outputs="5")


def test_questions_may_be_a_file(questions: QuestionSet, tmp_path: Path) -> None:
    write_questions(questions, tmp_path / "q.jsonl")
    scorers = genai_scorers(str(tmp_path / "q.jsonl"))
    assert run(scorers, "score", inputs={"q": "还款要几天?"}, outputs="三天").value == 1.0


def test_a_row_says_itself_what_is_right() -> None:
    scorers = genai_scorers()
    row = {"inputs": {"question": "How much?"}, "expectations": {"gold": 12, "type": "numeric", "unit": "EUR"}}
    assert run(scorers, "score", **row, outputs="Answer: 12 EUR").value == 1.0
    assert run(scorers, "score", **row, outputs="Answer: 13 EUR").value == 0.0
    reference = {"inputs": {"question": "Is it late?"}, "expectations": {"expected_response": "It arrives on Friday."}}
    assert run(scorers, "score", **reference, outputs="It arrives on Friday.").value > 0.99
    with pytest.raises(DataError, match="choices"):
        run(scorers, "score", inputs={"question": "?"}, outputs="A", expectations={"gold": "A", "type": "choice"})


def test_what_did_not_come_is_an_error_and_no_zero(questions: QuestionSet) -> None:
    scorers = genai_scorers(questions)
    for row in ({"inputs": {"id": "q2"}, "outputs": None}, {"inputs": {"id": "q4"}, "outputs": "Dear Ms Li"}):
        found = run(scorers, "score", **row)
        assert found.value is None
        assert found.error.error_message.startswith("nothing can be said: ")
        assert found.metadata["status"] == "missing"


def test_other_types_get_no_score(questions: QuestionSet) -> None:
    scorers = genai_scorers(questions, types=["numeric"])
    assert run(scorers, "score", inputs={"id": "q1"}, outputs="A") is None
    assert run(scorers, "score", inputs={"id": "q2"}, outputs="5").value == 1.0
    with pytest.raises(DataError, match=r"no type 'numerc'.*Did you mean 'numeric'"):
        genai_scorers(types=["numerc"])


def test_ones_own_scorer_counts(questions: QuestionSet) -> None:
    scorers = genai_scorers(questions, scorers={"rubric": lambda question, text: 0.25})
    assert run(scorers, "score", inputs={"id": "q4"}, outputs="Dear Ms Li").value == 0.25


def test_ones_own_scorer_is_called_once_for_all_parts(questions: QuestionSet) -> None:
    calls: list[str] = []
    scorers = genai_scorers(questions, scorers={"rubric": lambda question, text: calls.append(text) or len(calls) / 10})
    for text in ("Dear Ms Li", "Dear Ms Wu", "Dear Ms Li"):
        for scorer in scorers:
            scorer.run(inputs={"id": "q4"}, outputs=text)
    assert calls == ["Dear Ms Li", "Dear Ms Wu"]


def test_what_has_no_form_has_no_format(questions: QuestionSet) -> None:
    scorers = genai_scorers(questions, scorers={"rubric": lambda question, text: True})
    assert run(scorers, "format_ok", inputs={"id": "q4"}, outputs="Dear Ms Li") is None
    assert run(scorers, "format_ok", inputs={"id": "q1"}, outputs="A").value is True


def test_texts_are_found_in_the_inputs() -> None:
    assert text_of("plain") == "plain"
    assert text_of({"whatever": "only one", "id": 3}) == "only one"
    assert text_of({"question": "this", "user": "that"}) == "this"
    with pytest.raises(DataError, match=r"none of the inputs \['a', 'b'\]"):
        text_of({"a": 1, "b": 2})
    assert row_of("plain", {"rubric": "polite"})["type"] == "rubric"


@pytest.mark.slow  # MLflow imports and traces for seconds
def test_mlflow_runs_them(questions: QuestionSet, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_WORKERS", "2")
    outputs = {"q1": "A", "q2": "The answer is 6", "q3": "三天", "q4": "Dear Ms Li"}
    data = [{"inputs": {"question": q.text, "id": q.id}, "outputs": outputs[q.id]} for q in questions]
    result = mlflow.genai.evaluate(data=pd.DataFrame(data), scorers=genai_scorers(questions))
    assert result.metrics["score/mean"] == pytest.approx(2 / 3)
    assert result.metrics["passed/mean"] == pytest.approx(2 / 3)
    assert 0.9 <= result.metrics["fluency/mean"] <= 1
    frame = result.result_df
    status = {
        assessment["metadata"]["question"]: assessment["metadata"]["status"]
        for row in frame["assessments"] for assessment in row if assessment["assessment_name"] == "score"
    }  # fmt: skip
    assert status == {"q1": "right", "q2": "wrong", "q3": "right", "q4": "missing"}
