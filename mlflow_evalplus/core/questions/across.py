"""What is wrong between the lines of a question file: ids given twice, twins that do not match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlflow_evalplus.core.questions.line import Line, Mistake
from mlflow_evalplus.errors import did_you_mean

Numbered = tuple[int | str, Line]
SHOWN = 5  # numbers of lines that have one mistake together


def mistakes_between(lines: Sequence[Numbered], noun: str, *, whole: bool) -> Iterator[tuple[int | str, Mistake]]:
    """Yield the number of a line and what is wrong with it beside the others.

    Parameters
    ----------
    lines : sequence of tuple of int or str and Line
    noun : str
        What the numbers count: ``line``.
    whole : bool
        Whether every line could be read: else a twin that is missing may be on one that could not, and this is said.
    """
    by_id: dict[str, Numbered] = {}
    for number, line in lines:
        if line.id and line.id in by_id:
            yield number, ("id", f"{line.id!r} is also on {noun} {by_id[line.id][0]}")
        elif line.id:
            by_id[line.id] = number, line
    for number, line in lines:
        if line.twin:
            yield from ((number, ("twin", words)) for words in _twin(line, line.twin, by_id, noun, whole=whole))
    yield from _dimensions(lines, noun)


def _dimensions(lines: Sequence[Numbered], noun: str) -> Iterator[tuple[int | str, Mistake]]:
    """Yield one mistake where some lines have a dimension and others none, at the first of those that are fewer."""
    given = [number for number, line in lines if line.dimension]
    lacking = [number for number, line in lines if not line.dimension]
    if not given or not lacking:
        return
    if len(lacking) <= len(given):
        told = f"is missing{_also(lacking, noun)}, and {noun} {given[0]} has one; give it everywhere"
        yield lacking[0], ("dimension", told)
    else:
        told = f"is given{_also(given, noun)}, and {len(lacking)} {noun}s have none; give it everywhere or nowhere"
        yield given[0], ("dimension", told)


def _also(numbers: Sequence[int | str], noun: str) -> str:
    """Return which others besides the first; nothing where there are none."""
    others = [str(number) for number in numbers[1:]]
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return f" (also on {noun} {', '.join(others[:SHOWN])}{more})" if others else ""


def _twin(line: Line, name: str, by_id: Mapping[str, Numbered], noun: str, *, whole: bool) -> Iterator[str]:
    if name == line.id:
        yield "is the question itself"
        return
    if name not in by_id:
        where = "" if whole else f" on the {noun}s that can be read"
        yield f"there is no question {name!r}{where}.{did_you_mean(name, by_id)}"
        return
    number, twin = by_id[name]
    there = f"{name!r} on {noun} {number}"
    if twin.twin != line.id:
        says = f"has the twin {twin.twin!r}" if twin.twin else "names no twin"
        yield f"{there} {says}; twins name each other"
        return
    if line.id > name:  # what follows is said of the two once
        return
    if line.type and twin.type and line.type != twin.type:
        yield f"{there} is of type {twin.type}, this one of type {line.type}; twins are of one"
    languages = [one.tags.get("language", "").casefold() for one in (line, twin)]
    if not all(languages):
        yield f"give this one and {there} tags.language: twins ask the same in two languages"
    elif languages[0] == languages[1]:
        yield f"{there} is in {languages[0]!r} too; twins ask the same in two languages"
    if line.cluster and twin.cluster and line.cluster != twin.cluster:
        yield f"{there} is of cluster {twin.cluster!r}, this one of {line.cluster!r}; twins are of one"
