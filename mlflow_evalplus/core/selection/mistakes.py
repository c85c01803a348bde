"""What does not fit together: items and questions, requirements and what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.errors import DataError, RequirementsError, did_you_mean, shorten
from mlflow_evalplus.requirements.selection import SelectionGate, SelectionRules
from mlflow_evalplus.results.selection import Item


def check(
    questions: QuestionSet, items: Mapping[str, Sequence[Item]], rules: SelectionRules
) -> dict[str, tuple[Item, ...]]:
    """Return each candidate's items in the order of the questions.

    Raises
    ------
    DataError
        There is no question, no candidate, or a candidate has not one item for each question.
    RequirementsError
        The rules name a dimension, a tag or a candidate that there is not; all of them are listed.
    """
    check_rules(questions, list(items), rules)
    return {name: _in_order(questions, name, each) for name, each in items.items()}


def check_rules(questions: QuestionSet, candidates: Sequence[str], rules: SelectionRules) -> None:
    """Raise what `check` raises of the questions, the candidates and the rules: before anybody is asked, and paid.

    Raises
    ------
    DataError
        There is no question, or no candidate.
    RequirementsError
        The rules name a dimension, a tag or a candidate that there is not; all of them are listed.
    """
    if not len(questions):
        raise DataError("there is no question to hold candidates against each other on")
    if not candidates:
        raise DataError("there is no candidate to select from")
    wrong = list(_wrong(questions, candidates, rules))
    if wrong:
        count = f"{len(wrong)} mistake" + "s" * (len(wrong) > 1)
        raise RequirementsError(f"the requirements do not fit the questions, {count}:\n  " + "\n  ".join(wrong))


def _in_order(questions: QuestionSet, name: str, items: Sequence[Item]) -> tuple[Item, ...]:
    by_id = {item.question: item for item in items}
    ids = [question.id for question in questions]
    missing, unknown = [each for each in ids if each not in by_id], sorted(by_id.keys() - set(ids))
    if missing or unknown or len(items) != len(ids):
        what = f"it lacks {shorten(missing, 4)}" if missing else f"not among the questions are {shorten(unknown, 4)}"
        what = what if missing or unknown else "one is there twice"
        raise DataError(f"candidate {name!r} has {len(items):,} items for {len(ids):,} questions: {what}")
    return tuple(by_id[each] for each in ids)


def _wrong(questions: QuestionSet, candidates: Sequence[str], rules: SelectionRules) -> Iterator[str]:
    dimensions = questions.dimensions
    tags = {f"{tag}={value}": None for question in questions for tag, value in question.tags.items()}
    for name in rules.dimensions:
        if name not in dimensions:
            yield _unknown("selection.dimensions", name, "dimensions", dimensions)
    if not any(rules.dimensions.get(name, 1.0) for name in dimensions):
        yield f"selection.dimensions: every dimension of the questions, {shorten(dimensions)}, has the weight 0"
    for index, gate in enumerate(rules.gates):
        place = f"selection.gates.{index}"
        if gate.dimension is not None and gate.dimension not in dimensions:
            yield _unknown(f"{place}.dimension", gate.dimension, "dimensions", dimensions)
        if gate.tag is not None and gate.tag not in tags:
            yield _unknown(f"{place}.tag", gate.tag, "tags", tags)
        if gate.dimension in dimensions and gate.tag in tags and not any(_at(question, gate) for question in questions):
            yield f"{place}: no question of the dimension {gate.dimension!r} has the tag {gate.tag!r}"
        if gate.not_worse_than is not None and gate.not_worse_than not in candidates:
            yield _unknown(f"{place}.not_worse_than", gate.not_worse_than, "candidates", candidates)


def _at(question: Question, gate: SelectionGate) -> bool:
    tag, _, value = (gate.tag or "").partition("=")
    return question.dimension == gate.dimension and question.tags.get(tag) == value


def _unknown(place: str, given: str, what: str, known: Iterable[str]) -> str:
    return f"{place}: {given!r} is not among the {what} {shorten(known)}.{did_you_mean(given, known)}"
