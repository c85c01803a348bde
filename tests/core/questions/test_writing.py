"""What is written is read as the same questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.questions.reading import question_set, read_questions
from mlflow_evalplus.core.questions.writing import as_rows, write_questions
from mlflow_evalplus.errors import DataError
from tests.core.questions.sets import sets
from tests.generated import inputs

SHIPPED = Path(__file__).parents[3] / "recipes" / "selection" / "questions.jsonl"


@settings(max_examples=inputs(80), deadline=None)
@given(sets())
def test_rows_and_files_are_read_as_the_same_questions(
    tmp_path_factory: pytest.TempPathFactory, questions: QuestionSet
) -> None:
    path = tmp_path_factory.getbasetemp() / "set.jsonl"
    write_questions(questions, path)
    for again in (question_set(as_rows(questions)), read_questions(path)):
        assert again.questions == questions.questions
        assert again.digest == questions.digest
    assert as_rows(read_questions(path)) == as_rows(questions)


def test_a_line_holds_what_is_not_as_by_default() -> None:
    rows = [
        {"id": "q", "input": "2 + 3?", "type": "numeric", "gold": "5", "dimension": "sums", "unit": "EUR"},
        {"id": "r", "input": "Read.", "type": "json", "gold": {"a": [1]}, "dimension": "forms"},
    ]
    assert as_rows(question_set(rows)) == rows


def test_letters_of_every_script_are_written_as_they_are(tmp_path: Path) -> None:
    write_questions(
        question_set([{"id": "q", "input": "利率？\u2028", "type": "exact", "gold": "5 %"}]), tmp_path / "a"
    )
    assert (tmp_path / "a").read_text(encoding="utf-8").count("\n") == 1
    assert "利率" in (tmp_path / "a").read_text(encoding="utf-8")


def test_what_cannot_be_written_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    found = question_set([{"id": "q", "input": "?", "type": "exact", "gold": "so"}])
    with pytest.raises(DataError, match="cannot write"):
        write_questions(found, tmp_path / "none" / "set.jsonl")
    (tmp_path / "set.jsonl").write_text("before")

    def broken():  # type: ignore[no-untyped-def]
        yield found["q"]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_questions(broken(), tmp_path / "set.jsonl")
    assert (tmp_path / "set.jsonl").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["set.jsonl"]


def test_the_shipped_set_is_kept(tmp_path: Path) -> None:
    shipped = read_questions(SHIPPED)
    write_questions(shipped, tmp_path / "set.jsonl")
    assert read_questions(tmp_path / "set.jsonl").questions == shipped.questions
    assert len({json.dumps(row) for row in as_rows(shipped)}) == len(shipped)
