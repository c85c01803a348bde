"""Our scorers for `mlflow.genai.evaluate`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlflow_evalplus.asking.digest import digest_of
from mlflow_evalplus.core.questions.line import FIELDS
from mlflow_evalplus.core.questions.prompting import as_asked
from mlflow_evalplus.core.questions.question import TYPES, Question, QuestionSet
from mlflow_evalplus.core.questions.reading import question_set, read_questions
from mlflow_evalplus.core.scorers.own import Scorer as OwnScorer
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.errors import DataError, EvalPlusError, did_you_mean, shorten
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.tracking.selection.mlflow_model import TEXT_COLUMNS
from mlflow_evalplus.tracking.selection.model_replies import answered, brief

IDS = ("question_id", "id")
# MLflow's own names of what is right, and ours of the question's type that they speak of.
EXPECTED = {"expected_response": "text", "expected_answer": "exact", "expected_label": "label"}
PARTS: dict[str, Callable[[Score], float | bool | None]] = {
    "score": lambda score: score.value,
    "passed": lambda score: score.passed,
    "format_ok": lambda score: score.format_ok,
    "fluency": lambda score: score.fluency,
    "refused": lambda score: score.refused,
}


def genai_scorers(
    questions: str | Path | QuestionSet | None = None,
    *,
    types: Sequence[str] = TYPES,
    scorers: Mapping[str, OwnScorer] | None = None,
) -> list[Any]:
    """Return scorers for ``mlflow.genai.evaluate(data=…, scorers=genai_scorers())``.

    They are ``score``, ``passed``, ``format_ok``, ``fluency`` and ``refused``. Each gives a value with the reason, and
    as metadata the question, its type, the status (right, partial, wrong, no_answer) and what was taken as the answer.

    Parameters
    ----------
    questions : path or QuestionSet, optional
        Rows are found in it by ``id`` or ``question_id`` in their inputs or expectations, else by their text. Without
        it the expectations of a row say what is right: ``gold`` (or MLflow's ``expected_response``, a reference text,
        and ``expected_answer``), ``type`` and what else a question file holds.
    types : sequence of str
        Questions of other types get no score.
    scorers : mapping of str to callable, optional
        Your own, as in `select`.

    Returns
    -------
    list of mlflow.genai.Scorer

    Raises
    ------
    DataError
        There is no such type, or the questions cannot be read.

    Notes
    -----
    ``mlflow.genai.evaluate`` is for its pages: it takes its time for every row, and on SQLite loses results with its 10
    workers; set ``MLFLOW_GENAI_EVAL_MAX_WORKERS=4``. To ask and score many, use `select`.
    """
    from mlflow.genai.scorers import scorer

    unknown = [kind for kind in types if kind not in TYPES]
    if unknown:
        raise DataError(
            f"there is no type {unknown[0]!r}; types are {shorten(TYPES)}.{did_you_mean(unknown[0], TYPES)}"
        )
    known = read_questions(questions) if isinstance(questions, str | Path) else questions
    find = Finder(known)
    said: dict[tuple[str, str | None, str], Score] = {}

    def score(question: Question, outputs: Any) -> Score:
        """Return the score; all parts of a row are of one."""
        answer = answer_of(question, outputs)
        key = question.id, answer.text, answer.message
        if key not in said:
            said[key] = score_answer(question, answer, scorers=scorers)
        return said[key]

    def made(part: str, value: Callable[[Score], float | bool | None]) -> Any:
        def judge(inputs: Any = None, outputs: Any = None, expectations: Any = None) -> Any:
            question = find(inputs, expectations or {})
            if question.type not in types:
                return None
            return _feedback(part, value, question, score(question, outputs))

        return scorer(judge, name=part)

    return [made(part, value) for part, value in PARTS.items()]


def answer_of(question: Question, outputs: Any) -> Answer:
    """Return what a model returned, in whatever shape, as an answer."""
    blank = Answer("", question.id)
    try:
        return answered(blank, outputs)
    except EvalPlusError as error:
        return replace(blank, error="other", message=brief(error))


def _feedback(part: str, value: Callable[[Score], float | bool | None], question: Question, score: Score) -> Any:
    from mlflow.entities import AssessmentSource, Feedback

    found = value(score)
    about = {"question": question.id, "type": question.type, "status": score.status, "extracted": score.extracted}
    source = AssessmentSource(source_type="CODE", source_id="mlflow-evalplus")
    if score.status == "missing":
        return Feedback(name=part, error=f"nothing can be said: {score.why}", source=source, metadata=about)
    if found is None or (isinstance(found, float) and math.isnan(found)):
        return None
    return Feedback(name=part, value=found, rationale=score.why, source=source, metadata=about)


class Finder:
    """Finds the question of a row: by its id, else by its text, else makes it of what the row says."""

    def __init__(self, questions: QuestionSet | None) -> None:
        self._known = questions
        self._by_id = {question.id: question for question in questions or ()}
        self._by_text: dict[str, Question] = {}
        for question in questions or ():
            for text in (as_asked(question)[-1].content, question.text):
                self._by_text.setdefault(text, question)

    def __call__(self, inputs: Any, expectations: Mapping[str, Any]) -> Question:
        """Return the question.

        Raises
        ------
        DataError
            There is none, or the row is wrong.
        """
        if self._known is None:
            row = json.dumps(row_of(inputs, expectations), sort_keys=True, default=str)
            return _made(row)
        given = inputs if isinstance(inputs, Mapping) else {}
        names = [str(each[key]) for each in (expectations, given) for key in IDS if each.get(key) is not None]
        found = next((self._by_id[name] for name in names if name in self._by_id), None)
        if found is None and not names:
            found = self._by_text.get(text_of(inputs))
        if found is None:
            what = f"id {names[0]!r}" if names else f"text {text_of(inputs)[:60]!r}"
            raise DataError(f"no question has the {what}; name it by 'id' in the row's inputs or expectations")
        return found


@lru_cache(maxsize=4096)
def _made(row: str) -> Question:
    return question_set([json.loads(row)]).questions[0]


def row_of(inputs: Any, expectations: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a question file that a row of MLflow's data says.

    Examples
    --------
    >>> row = row_of({"question": "How many days?"}, {"expected_response": "Within 14 days."})
    >>> row["input"], row["type"], row["gold"]
    ('How many days?', 'text', 'Within 14 days.')
    """
    row = {key: value for key, value in expectations.items() if key in FIELDS}
    named = next((key for key in EXPECTED if expectations.get(key) is not None), None)
    if named and "gold" not in row:
        row |= {"gold": expectations[named], "type": row.get("type", EXPECTED[named])}
    row.setdefault("type", "rubric" if "rubric" in row and "gold" not in row else "exact")
    if isinstance(inputs, Mapping) and "messages" in inputs:
        row["messages"] = list(inputs["messages"])
    else:
        row["input"] = text_of(inputs)
    return {"id": digest_of(row), **row}


def text_of(inputs: Any) -> str:
    """Return what the user asks in the inputs of a row.

    Raises
    ------
    DataError
        Several fields could be it.
    """
    if not isinstance(inputs, Mapping):
        return str(inputs)
    messages = inputs.get("messages")
    if isinstance(messages, Sequence) and messages and isinstance(messages[-1], Mapping):
        return str(messages[-1].get("content", ""))
    rest = [key for key in inputs if key not in IDS]
    key = next((key for key in TEXT_COLUMNS if key in inputs), rest[0] if len(rest) == 1 else None)
    if key is None:
        raise DataError(f"none of the inputs {shorten(inputs)} is known to be the question; call it 'question'")
    return str(inputs[key])
