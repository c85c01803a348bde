"""Questions and candidates made to measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
from mlflow_evalplus.core.selection.evaluate import select_among
from mlflow_evalplus.core.selection.facts import Facts, facts
from mlflow_evalplus.requirements import load
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.selection import Item, Selection


def questions(
    n: int,
    dimensions: Sequence[str] = ("policy", "loans"),
    *,
    twins: bool = True,
    weights: Sequence[float] = (1.0,),
) -> QuestionSet:
    """Return n questions, English and Chinese twins next to each other, dimensions and weights by turns of pairs."""
    asked = []
    for i in range(n):
        pair = i // 2
        twin = f"q{i ^ 1}" if twins and (i ^ 1) < n else ""
        tags = {"language": ("en", "zh")[i % 2], "level": ("easy", "hard", "odd")[pair % 3]}
        asked.append(
            Question(
                f"q{i}", (Message("user", f"question {i}?"),), "exact", dimensions[pair % len(dimensions)], ("yes",),
                twin=twin, cluster=f"c{pair}" if twins else "", weight=weights[pair % len(weights)], tags=tags,
            )
        )  # fmt: skip
    return QuestionSet(tuple(asked), "0123456789ab", "made.jsonl")


def item(name: str, values: Sequence[float], **more: Any) -> Item:
    """Return an item of one value per repeat; nan is an answer that never came, None one that no judge could score."""
    answers, scores = [], []
    for repeat, value in enumerate(values):
        failed = value is not None and math.isnan(value)
        shown = {key: v[repeat] if isinstance(v, np.ndarray) else v for key, v in more.items()}
        shown = {key: v.item() if isinstance(v, np.generic) else v for key, v in shown.items()}
        fluency = math.nan if failed else shown.pop("fluency", 1.0)
        shown.pop("fluency", None)
        if failed:
            answers.append(Answer("", name, repeat=repeat, error="timeout", message="no answer in 60 s"))
            scores.append(Score(math.nan, passed=False, status="missing"))
            continue
        answers.append(Answer("", name, repeat=repeat, text="yes", **shown))
        status = "missing" if value is None else "right" if value == 1 else "wrong" if value == 0 else "partial"
        found = math.nan if value is None else float(value)
        scores.append(Score(found, passed=found == 1, status=status, fluency=fluency, format_ok=True))
    known = [score.value for score in scores if not math.isnan(score.value)]
    fluent = [score.fluency for score in scores if not math.isnan(score.fluency)]
    return Item(
        name, tuple(answers), tuple(scores), float(np.mean(known)) if known else math.nan,
        float(np.mean(fluent)) if fluent else math.nan,
    )  # fmt: skip


def items(asked: QuestionSet, values: Any, **more: Any) -> tuple[Item, ...]:
    """Return a candidate's items; values is [questions] or [questions, repeats], further ones [questions] or one."""
    rows = [np.atleast_1d(np.asarray(row, dtype=object)) for row in values]
    return tuple(
        item(question.id, row, **{key: v[i] if isinstance(v, np.ndarray) else v for key, v in more.items()})
        for i, (question, row) in enumerate(zip(asked, rows, strict=True))
    )


def found(asked: QuestionSet, values: Any, **more: Any) -> Facts:
    """Return the facts of a candidate."""
    return facts(items(asked, values, **more))


def select(asked: QuestionSet, candidates: Mapping[str, Sequence[Item]], wanted: Any = None, **more: Any) -> Selection:
    """Hold candidates against each other, with what matters little left out."""
    given: dict[str, Any] = {"about": {}, "currency": "USD", "concurrency": {}, "repeats": 1, **more}
    return select_among(asked, candidates, {}, load(wanted), **given)
