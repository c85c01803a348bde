"""What a served model was asked and answered, as serving and tracing write it → plain rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow_evalplus.core.json_text import loads

Row = dict[str, Any]
ROWS = ("dataframe_records", "instances", "inputs", "model_input", "data", "input")  # hold the rows, or one
TEXTS = ("text", "message", "query", "question", "prompt", "content", "input")
ANSWERS = ("prediction", "label", "predicted_label", "output", "answer", "response", "content")
PROBABILITIES = ("scores", "probabilities", "score")
SCORE = "score."


def parsed(value: Any) -> Any:
    """Return the object, list or text that a JSON text says; what is no JSON, or a mere number, as it is.

    Examples
    --------
    >>> parsed('{"predictions": ["negative"]}'), parsed("negative"), parsed('"negative"')
    ({'predictions': ['negative']}, 'negative', 'negative')
    """
    if not isinstance(value, str):
        return value
    try:
        said = loads(value)
    except ValueError:
        return value
    return said if said is None or isinstance(said, (str, list, dict)) else value


def requested(request: Any, text: str | None = None) -> list[Row]:
    """Return the rows that a request asks about, each with its ``text`` and what else it says.

    Known are ``dataframe_split``, ``dataframe_records``, ``instances``, ``inputs`` (rows or columns), chat messages,
    the arguments of a traced function, and a bare text. Where no text is found, ``text`` is None.

    Parameters
    ----------
    request : object
        What the JSON says.
    text : str, optional
        The field that holds the text; by default one of the usual names, else the only text there is.

    Examples
    --------
    >>> requested({"dataframe_split": {"columns": ["text", "channel"], "data": [["Hi", "app"]]}})
    [{'text': 'Hi', 'channel': 'app'}]
    >>> requested({"messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}]})
    [{'text': 'Hi'}]
    """
    names = (text,) if text else TEXTS
    return [_with_text(row, names, alone=text is None) for row in _rows(request, names)]


def _rows(asked: Any, names: Sequence[str]) -> list[Row]:
    if isinstance(asked, Mapping):
        return _rows_of(asked, names)
    if isinstance(asked, (list, tuple)):
        if asked and all(isinstance(one, Mapping) and {"role", "content"} <= set(one) for one in asked):
            return [{names[0]: _last_said(asked)}]
        return [row for one in asked for row in _rows(one, names)]
    return [{names[0]: None if asked is None else str(asked)}]


def _rows_of(asked: Mapping[str, Any], names: Sequence[str]) -> list[Row]:
    split = asked.get("dataframe_split")
    if isinstance(split, Mapping):
        columns = [str(column) for column in _list(split.get("columns"))]
        return [dict(zip(columns, _list(row), strict=False)) for row in _list(split.get("data"))]
    if "messages" in asked:
        said = asked["messages"]
        return [{names[0]: _last_said(said) if isinstance(said, (list, tuple)) else str(said)}]
    if any(isinstance(asked.get(name), str) for name in names):
        return [dict(asked)]
    within = next((key for key in ROWS if isinstance(asked.get(key), (list, tuple, Mapping))), None)
    return _rows(asked[within], names) if within else _transposed(asked)


def _last_said(messages: Any) -> str | None:
    """Return the last message of the user, of which only texts are taken."""
    said = [m.get("content") for m in messages if isinstance(m, Mapping) and m.get("role", "user") == "user"]
    if not said:
        return None
    if isinstance(said[-1], (list, tuple)):
        return "\n".join(str(part.get("text", "")) for part in said[-1] if isinstance(part, Mapping)) or None
    return None if said[-1] is None else str(said[-1])


def _with_text(row: Row, names: Sequence[str], *, alone: bool) -> Row:
    name = next((name for name in names if isinstance(row.get(name), str)), None)
    strings = [key for key, value in row.items() if isinstance(value, str)]
    if name is None and alone and len(strings) == 1:
        name = strings[0]
    rest = {str(key): value for key, value in row.items() if key not in ("text", name) and _plain(value)}
    return {"text": row[name] if name else None, **rest}


def answered(response: Any, prediction: str | None = None) -> list[Row]:
    """Return the rows that a response answers, each with its ``prediction`` and, where it says them, ``score.<label>``.

    Known are ``{"predictions": …}`` as labels, records or columns, the text classifiers of transformers
    (``{"label": …, "score": …}``), nested ``scores`` or ``probabilities``, chat completions, and a bare label.

    Parameters
    ----------
    response : object
        What the JSON says.
    prediction : str, optional
        The field that holds the answer; by default one of the usual names.

    Examples
    --------
    >>> answered({"predictions": [{"prediction": "negative", "score.negative": 0.9}]})
    [{'prediction': 'negative', 'score.negative': 0.9}]
    >>> answered({"predictions": ["negative", "neutral"]})
    [{'prediction': 'negative'}, {'prediction': 'neutral'}]
    """
    said = response
    if isinstance(said, Mapping) and "predictions" in said:
        said = said["predictions"]
    elif isinstance(said, Mapping) and isinstance(said.get("choices"), (list, tuple)):
        said = [choice.get("message", choice) for choice in said["choices"][:1] if isinstance(choice, Mapping)]
    if isinstance(said, Mapping):
        said = _transposed(said)
    return [_answer(one, prediction) for one in (said if isinstance(said, (list, tuple)) else [said])]


def _transposed(said: Mapping[str, Any]) -> list[Any]:
    """Return columns as rows, and what is one row already as it is."""
    columns = list(said.values())
    if columns and all(isinstance(c, (list, tuple)) and len(c) == len(columns[0]) for c in columns):
        return [dict(zip(said, row, strict=True)) for row in zip(*columns, strict=True)]
    return [dict(said)]


def _answer(one: Any, prediction: str | None) -> Row:
    if isinstance(one, (list, tuple)):
        return _ranked(one)
    if not isinstance(one, Mapping):
        return {"prediction": _label(one)}
    said = (_label(one.get(name)) for name in ((prediction,) if prediction else ANSWERS))
    row: Row = {"prediction": next((label for label in said if label is not None), None)}
    for key, value in one.items():
        if key in PROBABILITIES and isinstance(value, Mapping):
            row |= {f"{SCORE}{label}": score for label, score in value.items() if _number(score)}
        elif str(key).startswith(SCORE) and _number(value):
            row[str(key)] = value
    return row


def _ranked(labels: Sequence[Any]) -> Row:
    """Return the row of a classifier that names all of its labels, each with its score."""
    pairs = [one for one in labels if isinstance(one, Mapping) and "label" in one and _number(one.get("score"))]
    if not pairs or len(pairs) != len(labels):
        return {"prediction": _label(labels[0]) if len(labels) == 1 else None}
    best = max(pairs, key=lambda one: one["score"])
    return {"prediction": str(best["label"]), **{f"{SCORE}{one['label']}": one["score"] for one in pairs}}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _label(value: Any) -> str | None:
    """Return a label as text, 1.0 as ``"1"``; None for what is none."""
    if value is None or value != value or not _plain(value):
        return None
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))
