"""What a question set holds, in counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.words import folded


@dataclass(frozen=True, slots=True)
class QuestionCounts:
    """How many questions there are of what.

    Attributes
    ----------
    n, n_twins, n_clusters : int
        Questions, pairs of twins, and what is independent among them.
    of : dict of tuple of str to int
        Dimension, type and language → questions, in the order of the set.
    asked_twice : tuple of tuple of str
        The ids of questions that ask the same in the same words without being of one cluster.
    """

    n: int
    n_twins: int
    n_clusters: int
    of: dict[tuple[str, str, str], int]
    asked_twice: tuple[tuple[str, ...], ...]


def count(questions: QuestionSet) -> QuestionCounts:
    """Count the questions of a set.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.reading import question_set
    >>> rows = [{"id": name, "input": "2 + 3?", "type": "numeric", "gold": 5} for name in "ab"]
    >>> count(question_set(rows))
    QuestionCounts(n=2, n_twins=0, n_clusters=2, of={('all', 'numeric', ''): 2}, asked_twice=(('a', 'b'),))
    """
    same: dict[tuple[object, ...], dict[str, str]] = {}
    for question in questions:
        asked = (*(folded(message.content) for message in question.messages), question.choices)
        same.setdefault(asked, {})[question.id] = question.cluster
    return QuestionCounts(
        n=len(questions),
        n_twins=sum(bool(question.twin) for question in questions) // 2,
        n_clusters=len({question.cluster for question in questions}),
        of=dict(Counter((question.dimension, question.type, question.language) for question in questions)),
        asked_twice=tuple(tuple(ids) for ids in same.values() if len(set(ids.values())) > 1),
    )
