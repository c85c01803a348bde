"""Question files → `QuestionSet`; every mistake is found at once and named with its line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.questions.across import mistakes_between
from mlflow_evalplus.core.questions.checking import as_question, mistakes_of
from mlflow_evalplus.core.questions.gold import canonical
from mlflow_evalplus.core.questions.line import FIELDS, Line, read_line
from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.core.questions.rows import read_rows
from mlflow_evalplus.core.questions.writing import as_row
from mlflow_evalplus.errors import DataError

MAX_SHOWN = 20


def read_questions(*paths: str | Path) -> QuestionSet:
    """Return the questions in a JSONL, CSV or TSV file; several files are taken as one.

    Parameters
    ----------
    *paths : str or Path
        A question a line; `question_set` says which keys it has. In a CSV file choices are parted by ``|``, tags are
        columns such as ``tags.language``, and ``messages`` and ``schema`` are JSON.

    Raises
    ------
    DataError
        It is missing, empty, not UTF-8, or has mistakes; these are listed with their lines.
    """
    if len(paths) == 1:
        return checked(read_rows(paths[0], FIELDS), str(paths[0]), "line")
    read = [(f"{number} of {path}", row) for path in paths for number, row in read_rows(path, FIELDS)]
    return checked(read, ", ".join(map(str, paths)), "line")


def question_set(rows: Iterable[Mapping[str, Any]], source: str = "") -> QuestionSet:
    """Return the questions in a list of mappings.

    Parameters
    ----------
    rows : iterable of mapping
        Of ``id``, ``input`` or ``messages``, ``type``, and by the type ``gold``, ``choices``, ``schema``, ``rubric``,
        ``tolerance``, ``unit``, ``pass_mark``; besides ``dimension``, ``tags``, ``context``, ``twin``, ``cluster``,
        ``weight``. ``gold`` is one right answer or a list of them. Null is as not given.
    source : str
        Where they are from; errors begin with it.

    Raises
    ------
    DataError
        There are mistakes; the first 20 are listed with their rows.

    Examples
    --------
    >>> questions = question_set([
    ...     {"id": "q1", "input": "What is 2 + 3?", "type": "numeric", "gold": 5},
    ...     {"id": "q2", "input": "Which is a fee?", "type": "choice", "choices": ["rent", "tip"], "gold": "rent"},
    ... ])
    >>> len(questions), questions["q2"].gold
    (2, ('A',))
    >>> question_set([{"id": "q1", "input": "What is 2 + 3?", "type": "numeric", "glod": 5}])
    Traceback (most recent call last):
    mlflow_evalplus.errors.DataError: the questions have 2 mistakes:
      row 1: glod: unknown key; keys are ['id', 'input', 'messages', 'gold', 'type', 'choices', 'schema', 'rubric', \
'dimension', 'tags', 'context', 'twin', 'cluster', 'weight', 'tolerance', 'unit', 'pass_mark']. Did you mean 'gold'?
      row 1: gold: is missing: what is right?
    """
    if isinstance(rows, (str, bytes, Mapping)):
        raise DataError(f"the questions are a {type(rows).__name__}; give a list of mappings")
    read = [(at, _mapping(row)) for at, row in enumerate(rows, start=1)]
    return checked(read, source, "row")


def digest_of(questions: Iterable[Question]) -> str:
    """Return twelve hexadecimal digits of all that the questions hold, whatever their order."""
    lines = sorted(canonical({**as_row(question), "gold": sorted(question.gold)}) for question in questions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _mapping(row: object) -> dict[str, Any] | str:
    return dict(row) if isinstance(row, Mapping) else f"is a {type(row).__name__}, not a mapping"


def checked(rows: Sequence[tuple[int | str, dict[str, Any] | str]], source: str, noun: str) -> QuestionSet:
    """Return the questions in rows, each with its number or name as a `noun`; a text is what is wrong with a row.

    Raises
    ------
    DataError
        There are mistakes.
    """
    lines: list[tuple[int | str, Line]] = []
    mistakes: list[tuple[int | str, str]] = []
    for number, row in rows:
        unfit = row if isinstance(row, str) else _unfit(row)
        if unfit or isinstance(row, str):
            mistakes.append((number, unfit))
            continue
        line, malformed = read_line(row)
        bad = {field.split(".")[0] for field, _ in malformed}
        mistakes += [(number, f"{field}: {words}") for field, words in (*malformed, *mistakes_of(line, bad))]
        lines.append((number, line))
    between = mistakes_between(lines, noun, whole=len(lines) == len(rows))
    mistakes += [(number, f"{field}: {words}") for number, (field, words) in between]
    origin = source or "the questions"
    if mistakes:
        order = {number: at for at, (number, _) in enumerate(rows)}
        listed = sorted(mistakes, key=lambda pair: order[pair[0]])
        raise DataError(_listed(listed, origin, noun, many=not source))
    if not lines:
        raise DataError(f"{origin}: there are no questions")
    clusters = {line.twin: line.cluster for _, line in lines if line.twin and line.cluster}
    questions = tuple(as_question(line, clusters.get(line.id, "")) for _, line in lines)
    return QuestionSet(questions, digest_of(questions), source)


def _unfit(row: Mapping[str, Any]) -> str:
    """Return why a row cannot be written as JSON in UTF-8, in words; nothing where it can."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, such as \\ud83d alone; write the whole character"
    except RecursionError:
        return "is nested too deeply"
    except (TypeError, ValueError) as error:
        return f"cannot be written as JSON: {error}"
    return ""


def _listed(mistakes: Sequence[tuple[int | str, str]], origin: str, noun: str, *, many: bool) -> str:
    count = f"{len(mistakes)} mistake" + "s" * (len(mistakes) > 1)
    shown = [f"  {noun} {number}: {words}" for number, words in mistakes[:MAX_SHOWN]]
    more = [f"  … and {len(mistakes) - MAX_SHOWN} more"] if len(mistakes) > MAX_SHOWN else []
    return "\n".join([f"{origin} {'have' if many else 'has'} {count}:", *shown, *more])
