"""Which columns of a returned file hold what, whatever they are called and wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlflow_evalplus.core.adjudicating.sheets import Sheet
from mlflow_evalplus.core.adjudicating.texts import same_text
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten

CASE_ID, TEXT, NOTE = "case_id", "text", "note"
# `annotator_1_note` is what annotator_1 remarked, not a second person.
ANNOTATOR = re.compile(r"annotator(?!.*[_.](?:notes?|comments?|remarks?|reasons?|confidence|time|date)$)[_.\d]")
ENOUGH = 0.5  # of the filled cells tell that a column is the ids, or the texts, under another name
LOOKED_AT = 200  # rows


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in its rows a sheet holds what; None where it does not."""

    case_id: int
    text: int | None
    note: int | None
    adjudicated: int | None
    votes: Mapping[str, int]


def key(name: str) -> str:
    """Return the name of a column without case and spaces.

    Examples
    --------
    >>> key(" Annotator 1 ")
    'annotator_1'
    """
    return "_".join(name.casefold().split())


def annotators_of(sheets: Sequence[Sheet], given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the annotators' columns in all files together: those given, else all that are named as such.

    Raises
    ------
    ColumnNotFound
        None of the files has one that is given.
    DataError
        There are fewer than two.
    """
    known = list(dict.fromkeys(name for sheet in sheets for name in sheet.columns))
    if isinstance(given, str):
        raise DataError(f"annotators is one text, {given!r}; give a list of two columns or more")
    if given is not None:
        for name in given:
            if key(name) not in map(key, known):
                raise ColumnNotFound(
                    f"no file has a column {name!r}; columns are {shorten(known, 30)}.{did_you_mean(name, known)}"
                )
        found = tuple({key(name): name for name in given}.values())
    else:
        found = tuple(sorted({key(name) for name in known if ANNOTATOR.match(key(name))}, key=_natural))
    if len(found) < 2:
        only = f"only {found[0]!r} is" if found else "none is"
        raise DataError(
            f"a label takes two annotators or more, but {only} among the columns {shorten(known, 30)}. Give the files "
            "of all annotators, or name their columns: annotators=[…], on the command line --annotators a,b"
        )
    return found


def layout(sheet: Sheet, texts: Mapping[str, str], annotators: Sequence[str], adjudicated: str) -> Layout:
    """Return where the columns are.

    Parameters
    ----------
    sheet : Sheet
    texts : mapping of str to str
        Id → text of the queue's cases: ids and texts are also found under another name.
    annotators : sequence of str
    adjudicated : str

    Raises
    ------
    ColumnNotFound
        No column holds ids of the queue.
    DataError
        Two columns that are to be read differ in case and spaces only.
    """
    _check_names(sheet, (CASE_ID, TEXT, NOTE, adjudicated, *annotators))
    places = {key(name): place for place, name in reversed(list(enumerate(sheet.columns)))}
    voting = {name: places[key(name)] for name in annotators if key(name) in places}
    taken = {*voting.values(), places.get(key(adjudicated))}
    rows, free = sheet.rows[:LOOKED_AT], [place for place in range(len(sheet.columns)) if place not in taken]
    ids = places.get(CASE_ID)
    if ids is None:
        cells = {place: [row.cells[place].strip() for row in rows if row.cells[place].strip()] for place in free}
        share = {place: sum(cell in texts for cell in found) / len(found) for place, found in cells.items() if found}
        ids = max(share, key=lambda place: share[place], default=None)
        if ids is None or share[ids] < ENOUGH:
            raise ColumnNotFound(
                f"{sheet.name!r} has no column {CASE_ID!r}, and none holds ids of the queue; columns are "
                f"{shorten(sheet.columns, 30)}. Return the file with the ids, and check that it is of this queue."
            )
    text = places.get(TEXT)
    if text is None or text in taken:
        text = _text_place(sheet, ids, [place for place in free if place != ids], texts)
    return Layout(ids, text, places.get(NOTE), places.get(key(adjudicated)), voting)


def _check_names(sheet: Sheet, wanted: Sequence[str]) -> None:
    for one in dict.fromkeys(map(key, wanted)):
        alike = [name for name in sheet.columns if key(name) == one]
        if len(alike) > 1:
            raise DataError(
                f"{sheet.name!r} has two columns of one name, {alike}, as case and spaces do not count; rename or "
                "remove one"
            )


def _text_place(sheet: Sheet, ids: int, free: Sequence[int], texts: Mapping[str, str]) -> int | None:
    known = [row.cells for row in sheet.rows[:LOOKED_AT] if row.cells[ids].strip() in texts]
    for place in free:
        same = sum(same_text(cells[place], texts[cells[ids].strip()]) for cells in known)
        if known and same >= ENOUGH * len(known):
            return place
    return None


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
