"""The causes of all failed questions, summed up: by cause, by dimension, by language, with what to do."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.names import MISSING
from mlflow_evalplus.results.selection import CAUSES, FailureCause, FailureRow

ACTIONS = {
    "call_error": "See which errors: mend the key, the address, the budget or the recorded answers; where it is slow "
                  "or refuses the rate, raise its timeout and retries or lower its rate.",
    "truncation": "Raise max_tokens, or ask for a shorter answer.",
    "format": "Say the form in the prompt, with an example, or have the server enforce it (response_format).",
    "unstable": "Lower the temperature, or ask several times and take the most frequent answer.",
    "language": "Tell it in the prompt which language to answer in; if that does not help, fine-tune on questions in "
                "this language, or take another model.",
    "knowledge": "Give it the knowledge: retrieve the text that holds it into the prompt, or fine-tune on it.",
    "reasoning": "Have it think step by step, by prompt or by the model's own setting, or take another model.",
    "unexplained": "Read these questions: are the gold and the rubric right? If so, fine-tune on such ones, or take "
                   "another model.",
}  # fmt: skip


def failure_rows(questions: QuestionSet, causes: Sequence[FailureCause]) -> tuple[FailureRow, ...]:
    """Return one row per cause, then one per cause and dimension, then one per cause, dimension and language.

    A share is of the points that all failed questions of the candidate lost, ``weight × (1 - value)``, so the shares
    of one level sum to 1; where no points were lost at all, as with errors in one of several repeats, of the failed
    questions. There are no rows by language where no question tells its language.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message, Question
    >>> asked = [Question(str(n), (Message("user", "?"),), "exact", "policy", ("x",)) for n in range(3)]
    >>> failed = [FailureCause("0", "format", 1.0, ""), FailureCause("1", "format", 0.5, ""),
    ...           FailureCause("2", "reasoning", 0.5, "")]
    >>> rows = failure_rows(QuestionSet(tuple(asked), ""), failed)
    >>> [(row.cause, row.dimension, row.n, row.share) for row in rows[1:3]]
    [('reasoning', '', 1, 0.25), ('format', 'policy', 2, 0.75)]
    """
    known = {question.id: question for question in questions}
    languages = list(dict.fromkeys(question.language or MISSING for question in questions))
    dimensions, levels = ["", *questions.dimensions], range(3 if languages != [MISSING] else 2)
    languages.insert(0, "")
    groups: dict[tuple[int, int, int, int], list[FailureCause]] = {}
    for cause in causes:
        question = known[cause.question]
        place = dimensions.index(question.dimension), languages.index(question.language or MISSING)
        for level in levels:
            key = level, CAUSES.index(cause.cause), place[0] * (level > 0), place[1] * (level > 1)
            groups.setdefault(key, []).append(cause)
    total = sum(cause.lost for cause in causes)
    rows = []
    for (_, number, dimension, language), own in sorted(groups.items()):
        lost = sum(cause.lost for cause in own)
        rows.append(FailureRow(
            CAUSES[number], dimensions[dimension], languages[language], len(own), lost,
            lost / total if total else len(own) / len(causes), ACTIONS[CAUSES[number]],
            tuple(cause.question for cause in own),
        ))  # fmt: skip
    return tuple(rows)
