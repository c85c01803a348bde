"""GSM8K's published solutions of four models, as questions and recorded answers."""

from __future__ import annotations

import json

from mlflow_evalplus.core.questions.question import Message, Question
from mlflow_evalplus.results.answers import Answer
from tests.conftest import REAL_DATA

FOLDER = REAL_DATA / "gsm8k"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def questions() -> list[Question]:
    """Return the 1,319 questions of the test set, with the number behind ``####`` as what is right."""
    return [
        Question(
            f"gsm8k-{number:04d}", (Message("user", row["question"]),), "numeric", "arithmetic",
            (row["answer"].rpartition("####")[2].strip(),), tags={"language": "en"}, cluster=f"gsm8k-{number:04d}",
        )
        for number, row in enumerate(_rows("test.jsonl"))
    ]  # fmt: skip


def answers(model: str) -> list[Answer]:
    """Return the solutions of one model, in the order of the questions."""
    return [
        Answer(model, f"gsm8k-{number:04d}", text=row[model]["solution"], finish="stop")
        for number, row in enumerate(_rows("example_model_solutions.jsonl"))
    ]


def published(model: str) -> list[bool]:
    """Return which of the solutions were published as correct."""
    return [row[model]["is_correct"] for row in _rows("example_model_solutions.jsonl")]


def _rows(name: str) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]
