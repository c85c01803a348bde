"""Generated question sets: rows that are right, of every type, with twins."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.questions.reading import question_set
from mlflow_evalplus.core.words import folded

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["1,250", "-7.50", "１２"])
OBJECTS = st.dictionaries(TEXT, st.integers() | TEXT | st.lists(st.integers(), max_size=2), max_size=3)
CHOICES = st.lists(TEXT.filter(lambda text: len(text) > 1), min_size=2, max_size=5, unique_by=folded)


def _gold(kind: str, choices: list[str]) -> st.SearchStrategy[Any]:
    one = {
        "choice": st.sampled_from("ABCDE"[: len(choices)]) | st.just("B"), "label": st.sampled_from(choices),
        "numeric": NUMBERS, "json": OBJECTS | st.just("[1, 2]") | st.just('"text"'), "rubric": TEXT,
        "regex": st.sampled_from(["a+", r"\d{3}", "贷款|loan"]),
    }.get(kind, TEXT | st.integers())  # fmt: skip
    return one | st.lists(one, min_size=1, max_size=3)


@st.composite
def _row(draw: st.DrawFn, name: str, kind: str) -> dict[str, Any]:
    choices = draw(CHOICES) if kind in ("choice", "label") else []
    messages = [{"role": role, "content": draw(TEXT)} for role in draw(st.sampled_from([
        ("user",), ("system", "user"), ("user", "assistant", "user"), ("system", "user", "assistant", "user"),
    ]))]  # fmt: skip
    row: dict[str, Any] = {"id": name, "type": kind, "gold": draw(_gold(kind, choices)), "choices": choices or None}
    row |= {"input": messages[0]["content"]} if len(messages) == 1 and draw(st.booleans()) else {"messages": messages}
    row |= {"rubric": draw(TEXT)} if kind == "rubric" else {}
    row |= {"tolerance": draw(st.floats(0, 1e9)), "unit": draw(st.none() | TEXT)} if kind == "numeric" else {}
    row |= {"schema": draw(st.none() | st.just({"$comment": "any"}))} if kind == "json" else {}
    row |= {"pass_mark": draw(st.sampled_from([0.1, 0.5, 1]))} if kind in ("text", "rubric") else {}
    tags = draw(st.dictionaries(TEXT.filter(lambda text: "=" not in text), TEXT, max_size=2))
    optional = st.none() | TEXT
    return {
        **row, "tags": tags, "context": draw(optional), "cluster": draw(optional), "dimension": draw(TEXT),
        "weight": draw(st.floats(0, 1e9, exclude_min=True)),
    }  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw up to six right rows; some are twins."""
    kinds = draw(st.lists(st.sampled_from(["choice", "exact", "numeric", "regex", "json", "text", "label", "rubric"]),
                          min_size=1, max_size=4))  # fmt: skip
    names = draw(st.lists(TEXT, min_size=2 * len(kinds), max_size=2 * len(kinds), unique=True))
    found = []
    for kind, name, other in zip(kinds, names[::2], names[1::2], strict=True):
        one = draw(_row(name, kind))
        found.append(one)
        if draw(st.booleans()):
            twin = draw(_row(other, kind)) | {"twin": name, "cluster": one["cluster"]}
            twin["tags"] = {**twin["tags"], "language": "zh"}
            one |= {"twin": other, "tags": {**one["tags"], "language": "en"}}
            found.append(twin)
    return draw(st.permutations(found))


def sets() -> st.SearchStrategy[QuestionSet]:
    return rows().map(question_set)
