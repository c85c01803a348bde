"""A queue and its filled files → `Adjudication`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.adjudicating.layout import annotators_of, key, layout
from mlflow_evalplus.core.adjudicating.notes import assumed, decided, open_audit, unchecked
from mlflow_evalplus.core.adjudicating.quality import qualities
from mlflow_evalplus.core.adjudicating.sheets import Sheet, read_sheet
from mlflow_evalplus.core.adjudicating.spelling import UNSURE, Spelling
from mlflow_evalplus.core.adjudicating.votes import Reader, Said
from mlflow_evalplus.core.adjudicating.words import sentence
from mlflow_evalplus.core.collecting.queue_files import labels_of, read_queue
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results.adjudication import PROBLEMS, AcceptedCase, Adjudication, OpenCase, QueueProblem
from mlflow_evalplus.results.queue import Queue, QueuedCase

ADJUDICATED = "adjudicated"


def adjudicate(
    queue: Queue | str | Path,
    filled: Any,
    *,
    annotators: Sequence[str] | None = None,
    adjudicated: str = ADJUDICATED,
    labels: Sequence[str] | None = None,
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
    majority: bool = False,
    confidence: float = 0.95,
) -> Adjudication:
    """Return which labels of a queue are settled, which cases are open, and what is wrong with the returned files.

    Two votes or more that are alike settle a case; where they differ, the column of decisions does, which also counts
    against annotators who agree and beside a single vote. Nothing is decided by a row whose id or text is not the
    queue's, nor by a vote that is no label. Rows may stand in any order, columns too, and files may be half filled:
    every case of the queue is accepted or open, and giving the same or fuller files again loses none.

    Parameters
    ----------
    queue : Queue or path
        What was handed out: ``queue.jsonl``, or its folder.
    filled : path, data frame, or sequence of these
        What came back. Several files are joined by case: one of each annotator, or a later one with decisions.
    annotators : sequence of str, optional
        Columns of votes, two or more; by default those that are named ``annotator_…`` or ``annotator.…``.
    adjudicated : str
        Column of decisions where annotators differ.
    labels : sequence of str, optional
        The permitted ones; by default those of the requirements, else those that the queue names, else any word.
        Case, width and spaces do not matter. ``?``, ``unclear``, ``unsure`` and ``skip`` say "cannot tell": the case
        stays open until somebody decides it.
    requirements : path, mapping or Requirements, optional
    majority : bool
        Of three votes or more, let more than half settle a case where nobody decided it.
    confidence : float
        Of the intervals of agreement.

    Raises
    ------
    ColumnNotFound
        A named column is in no file, or no column of a file holds the queue's ids.
    DataError
        Fewer than two annotators; no file; one that cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = [QueuedCase(f"c{i}", f"text {i}", i, 1, True, 1.0, ("audit",)) for i in range(2)]
    >>> votes = {"case_id": ["c0", "c1"], "annotator_1": ["positive", "negative"], "annotator_2": ["Positive", ""]}
    >>> found = adjudicate(Queue(tuple(cases), 2, 2, (), 0), pd.DataFrame(votes))
    >>> [(case.case_id, case.label, case.how) for case in found.accepted], found.by_state
    ([('c0', 'Positive', 'agreed')], {'partly': 1})
    """
    known = queue if isinstance(queue, Queue) else read_queue(queue)
    if not known.cases:
        raise DataError("the queue has no cases; collect some first")
    wanted = _wanted(labels, requirements)
    sheets = _sheets(filled)
    voting = annotators_of(sheets, annotators)
    _check_decisions(sheets, voting, adjudicated)
    reader = Reader({case.case_id: case.text for case in known.cases}, adjudicated)
    laid = [layout(sheet, reader.texts, voting, adjudicated) for sheet in sheets]
    rows = [row for sheet, where in zip(sheets, laid, strict=True) for row in reader.rows(sheet, where)]
    spelling = Spelling(wanted or labels_of(known), [cell for row in rows for cell in row.cells.values()])
    said = reader.collect(rows, spelling)
    reader.lost()
    settled = [_settled(case, said.get(case.case_id, Said()), voting, adjudicated, majority) for case in known.cases]
    accepted = tuple(case for case in settled if isinstance(case, AcceptedCase))
    open_ = tuple(case for case in settled if isinstance(case, OpenCase))
    problems = _ordered(reader.problems, known)
    blind = [sheet.name for sheet, where in zip(sheets, laid, strict=True) if where.text is None]
    notes = [
        *assumed(spelling, wanted),
        *unchecked(blind),
        *open_audit(settled),
        *decided(accepted, said, voting, adjudicated),
    ]
    quality, audit = qualities(known, settled, voting, confidence)
    return Adjudication(
        len(known.cases), voting, spelling.labels, accepted, open_, problems, quality,
        sentence(accepted, open_, problems), audit, tuple(notes),
    )  # fmt: skip


def _wanted(
    labels: Sequence[str] | None, requirements: str | Path | Mapping[str, Any] | Requirements | None
) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise DataError(f"labels is one text, {labels!r}; give a list of them")
    given = () if labels is None else tuple(map(str, labels))
    return given or tuple(asked.load(requirements).task.labels)


def _sheets(filled: Any) -> list[Sheet]:
    several = list(filled) if isinstance(filled, (list, tuple)) else [filled]
    if not several:
        raise DataError("no filled file is given; give what the annotators returned")
    frames = sum(not isinstance(one, (str, Path)) for one in several)
    names = [f"frame {number}" if frames > 1 else "frame" for number in range(1, len(several) + 1)]
    return [read_sheet(one, name) for one, name in zip(several, names, strict=True)]


def _check_decisions(sheets: Sequence[Sheet], annotators: Sequence[str], adjudicated: str) -> None:
    known = list(dict.fromkeys(name for sheet in sheets for name in sheet.columns))
    if key(adjudicated) in map(key, annotators):
        raise DataError(f"{adjudicated!r} is an annotator and the column of decisions; it can be one of them")
    if adjudicated != ADJUDICATED and key(adjudicated) not in map(key, known):
        raise ColumnNotFound(
            f"no file has a column {adjudicated!r}; columns are {shorten(known, 30)}.{did_you_mean(adjudicated, known)}"
        )


def _settled(
    case: QueuedCase, said: Said, annotators: Sequence[str], adjudicated: str, majority: bool
) -> AcceptedCase | OpenCase:
    """Return the case with its label, or why it has none."""
    cast = [said.cells[name] for name in annotators if name in said.cells]
    votes = {name: vote for name in annotators if (vote := said.cells.get(name)) is not None}
    decision = said.cells.get(adjudicated, "")
    label, how = _label(cast, decision, majority)
    if not label:
        state = "unfilled" if not cast else "partly" if len(cast) == 1 else "disputed"
        note = " | ".join(sorted(said.notes))
        return OpenCase(case.case_id, case.text, state, votes, note, case.slices, case.audit)
    return AcceptedCase(
        case.case_id, case.text, label, how, votes, case.audit, case.weight, case.copies, case.reasons, case.prediction,
        case.time, case.slices,
    )  # fmt: skip


def _label(cast: Sequence[str | None], decision: str | None, majority: bool) -> tuple[str, str]:
    """Return a label and how it was settled, or two empty texts.

    What cannot be read, a vote or a decision, might be any label: it leaves nothing agreed.
    """
    counts = Counter(vote for vote in cast if vote and vote != UNSURE)
    label, n = max(counts.items(), key=lambda item: item[1], default=("", 0))
    decided = decision if decision and decision != UNSURE else ""
    if n == len(cast) >= 2 and decided in ("", label) and decision == decided:
        return label, "agreed"
    if decided and any(vote is not None for vote in cast):
        return decided, "adjudicated"
    if majority and not decision and decision is not None and len(cast) >= 3 and 2 * n > len(cast):
        return label, "majority"
    return "", ""


def _ordered(problems: Sequence[QueueProblem], queue: Queue) -> tuple[QueueProblem, ...]:
    place = {case.case_id: number for number, case in enumerate(queue.cases)}
    kinds = {kind: number for number, kind in enumerate(PROBLEMS)}
    return tuple(
        sorted(problems, key=lambda p: (kinds[p.kind], place.get(p.case_id, len(place)), p.case_id, p.sentence))
    )
