"""Rows of all returned files → what each annotator said of each case, and what is wrong with the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_evalplus.core.adjudicating.layout import Layout
from mlflow_evalplus.core.adjudicating.sheets import Sheet
from mlflow_evalplus.core.adjudicating.spelling import UNSURE, Spelling
from mlflow_evalplus.core.adjudicating.texts import plain, same_text, what_happened
from mlflow_evalplus.errors import did_you_mean, shorten
from mlflow_evalplus.results.adjudication import QueueProblem

MAX_ID = 40
MAX_HINTS = 20  # unknown ids with the nearest one: a file of another queue has thousands


@dataclass(frozen=True, slots=True)
class Returned:
    """A row whose id and text are the queue's.

    Attributes
    ----------
    where, case_id, note : str
    cells : dict of str to str
        Annotator, or the column of decisions → what was filled in; without blank cells.
    """

    where: str
    case_id: str
    note: str
    cells: dict[str, str]


@dataclass(slots=True)
class Said:
    """What was said of one case.

    Attributes
    ----------
    cells : dict of str to str or None
        Annotator, or the column of decisions → label, ``?``, or None where it cannot be read.
    notes : list of str
    """

    cells: dict[str, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Reader:
    """Reads sheets of one queue.

    Parameters
    ----------
    texts : mapping of str to str
        Id → text of the queue's cases, in its order.
    adjudicated : str
        Column of decisions.

    Attributes
    ----------
    problems : list of QueueProblem
    seen : set of str
        Ids of the queue that a file holds, whatever is wrong with their rows.
    """

    def __init__(self, texts: Mapping[str, str], adjudicated: str) -> None:
        self.texts, self.adjudicated = texts, adjudicated
        self.problems: list[QueueProblem] = []
        self.seen: set[str] = set()
        self._ids = {plain(text): case_id for case_id, text in reversed(list(texts.items()))}
        self._folded = {case_id.casefold(): case_id for case_id in texts}

    def rows(self, sheet: Sheet, layout: Layout) -> Iterator[Returned]:
        """Yield the rows whose id and text are the queue's; what is wrong with the others becomes a problem."""
        columns = {**layout.votes, **({} if layout.adjudicated is None else {self.adjudicated: layout.adjudicated})}
        for row in sheet.rows:
            text = None if layout.text is None else row.cells[layout.text]
            given = row.cells[layout.case_id].strip()
            case_id = self._case(given)
            if case_id is None:
                self._without_case(row.where, given, text)
                continue
            self.seen.add(case_id)
            if row.shifted:
                self._problem(
                    "shifted_row", case_id, f"{row.where}: case {case_id} has more cells than the header, so nobody "
                    "knows which is which; put a text with separators in quotes",
                )  # fmt: skip
                continue
            if text is not None and not same_text(text, self.texts[case_id]):
                why = what_happened(text, self.texts[case_id], self._ids)
                self._problem("edited_text", case_id, f"{row.where}: case {case_id}: {why}")
                continue
            filled = {name: row.cells[place].strip() for name, place in columns.items() if row.cells[place].strip()}
            note = "" if layout.note is None else row.cells[layout.note].strip()
            yield Returned(row.where, case_id, note, filled)

    def _case(self, given: str) -> str | None:
        for tried in (given, given.removeprefix("'")):
            if tried in self.texts:
                return tried
        return self._folded.get(given.casefold())

    def _without_case(self, where: str, given: str, text: str | None) -> None:
        other = None if text is None else self._ids.get(plain(text)) or self._ids.get(plain(text).removeprefix("'"))
        if other:
            hint = f"; its text is that of case {other}: put that id back"
        elif given:
            near = did_you_mean(given, self.texts) if len(self.problems) < MAX_HINTS else ""
            hint = f", so it decides nothing.{near} Is the file of this queue?"
        else:
            hint = ", so it decides nothing; put the queue's id back"
        if given:
            self._problem(
                "unknown_id", given, f"{where}: the queue has no case {shorten([given[:MAX_ID]])[1:-1]}{hint}"
            )
        else:
            self._problem("missing_id", "", f"{where}: the row has no id{hint}")

    def collect(self, rows: Sequence[Returned], spelling: Spelling) -> dict[str, Said]:
        """Return what was said of each case of the queue that a row is of.

        The same vote twice is one, and a label counts more than that the annotator could not tell or than what cannot
        be read. Two different labels of one annotator for one case are a problem, and are not read.
        """
        said: dict[str, Said] = {}
        places: dict[tuple[str, str], dict[str | None, str]] = {}  # vote → where it was first
        for row in rows:
            own = said.setdefault(row.case_id, Said())
            if row.note and row.note not in own.notes:
                own.notes.append(row.note)
            for name, cell in row.cells.items():
                meant = spelling.meant(cell)
                places.setdefault((row.case_id, name), {}).setdefault(meant, row.where)
                if meant is None:
                    self._unreadable(row, name, cell, spelling)
        for (case_id, name), votes in places.items():
            labels = sorted(vote for vote in votes if vote is not None and vote != UNSURE)
            if len(labels) > 1:
                both = " and ".join(f"{label!r} in {votes[label]}" for label in labels)
                self._problem(
                    "repeated_id", case_id, f"case {case_id}, {name}: {both}, so none of them counts; keep the right "
                    "one, or give each person a column of their own",
                )  # fmt: skip
            readable = labels[0] if len(labels) == 1 else UNSURE if not labels and UNSURE in votes else None
            said[case_id].cells[name] = readable
        return said

    def _unreadable(self, row: Returned, name: str, cell: str, spelling: Spelling) -> None:
        shown = shorten([cell[:MAX_ID]])[1:-1]
        sentence = f"{row.where}: case {row.case_id}, {name}: {shown} is no label{spelling.instead(cell)}"
        self._problem("unknown_label", row.case_id, sentence)

    def lost(self) -> None:
        """Note the cases of the queue that no file holds."""
        for case_id in self.texts:
            if case_id not in self.seen:
                self._problem(
                    "lost_row", case_id, f"case {case_id} of the queue is in no file; give all files that came back, "
                    "or copy its row anew from the queue",
                )  # fmt: skip

    def _problem(self, kind: str, case_id: str, sentence: str) -> None:
        self.problems.append(QueueProblem(kind, case_id, sentence))
