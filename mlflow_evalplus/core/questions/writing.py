"""Questions → rows, and a JSONL file."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.questions.checking import own_cluster
from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.errors import DataError


def write_questions(questions: Iterable[Question], path: str | Path) -> None:
    """Write a JSONL file that `read_questions` reads as the same questions, whole or not at all.

    Raises
    ------
    DataError
        It cannot be written.
    """
    write_lines(as_rows(questions), path)


def as_rows(questions: Iterable[Question]) -> list[dict[str, Any]]:
    """Return the questions as mappings that `question_set` reads, without what is as by default."""
    return [as_row(question) for question in questions]


def as_row(question: Question) -> dict[str, Any]:
    """Return one question as a mapping.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> as_row(Question("q1", (Message("user", "2 + 3?"),), "numeric", "numbers", gold=("5",)))
    {'id': 'q1', 'input': '2 + 3?', 'type': 'numeric', 'gold': '5', 'dimension': 'numbers'}
    """
    alone = len(question.messages) == 1 and question.messages[0].role == "user"
    asked = {"input": question.text} if alone else {"messages": [m._asdict() for m in question.messages]}
    gold = [_gold(text, question.type) for text in question.gold]
    usual: dict[str, Any] = {
        "cluster": own_cluster(question.id, question.twin), "weight": 1.0, "tolerance": 0.0, "pass_mark": 0.5,
        "choices": [], "gold": [], "tags": {}, "schema": None,
        **dict.fromkeys(("rubric", "context", "twin", "unit"), ""),
    }  # fmt: skip
    row = {
        "id": question.id, **asked, "type": question.type, "gold": gold[0] if len(gold) == 1 else gold,
        "choices": list(question.choices), "schema": question.schema, "rubric": question.rubric,
        "dimension": question.dimension, "tags": dict(question.tags), "context": question.context,
        "twin": question.twin, "cluster": question.cluster or usual["cluster"], "weight": question.weight,
        "tolerance": question.tolerance, "unit": question.unit, "pass_mark": question.pass_mark,
    }  # fmt: skip
    return {key: value for key, value in row.items() if key not in usual or value != usual[key]}


def _gold(text: str, kind: str) -> Any:
    """Return an object of JSON as itself, and all else as a text."""
    return json.loads(text) if kind == "json" and text.startswith("{") else text


def write_lines(rows: Iterable[dict[str, Any]], path: str | Path) -> None:
    """Write one JSON object a line, whole or not at all: what was there stays until all is on the disk.

    Raises
    ------
    DataError
        It cannot be written.
    """
    target = Path(path).resolve()
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            with part.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r}: {error.strerror}") from None
