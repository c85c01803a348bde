"""What was assumed of a returned queue, what could not be checked, and decisions that stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow_evalplus.core.adjudicating.spelling import UNSURE, Spelling
from mlflow_evalplus.core.adjudicating.votes import Said
from mlflow_evalplus.errors import shorten
from mlflow_evalplus.results.adjudication import AcceptedCase, OpenCase

MAX_IDS = 5


def assumed(spelling: Spelling, wanted: Sequence[str]) -> list[str]:
    """Return which labels were permitted, where the user named none."""
    if wanted:
        return []
    if spelling.given:
        return [
            f"Permitted labels are those that the queue names, {shorten(spelling.labels)}; name others where some are "
            "missing."
        ]
    return ["No labels were named, so every word counts as one, a misspelt one too; name the permitted ones."]


def unchecked(sheets: Sequence[str]) -> list[str]:
    """Return the sheets whose texts were not compared."""
    if not sheets:
        return []
    return [f"Whether texts were edited was not checked, for want of a text column, in: {', '.join(sheets)}."]


def open_audit(settled: Sequence[AcceptedCase | OpenCase]) -> list[str]:
    """Return how many of the cases drawn at random are open while others tell the accuracy, and what that does to it.

    Cases on which annotators differ are hard ones, so that the settled ones flatter; those that nobody came to yet are
    not known to be.
    """
    audited = [case for case in settled if case.audit]
    open_ = [case for case in audited if isinstance(case, OpenCase)]
    if len(open_) in (0, len(audited)):
        return []
    hard = any(case.state == "disputed" for case in open_)
    wrong = "is too high until they are decided" if hard else "leaves them out until they are labelled"
    return [
        f"{len(open_):,} of {len(audited):,} audited cases are open: an accuracy by the settled ones alone {wrong}."
    ]


def decided(
    accepted: Sequence[AcceptedCase], said: Mapping[str, Said], annotators: Sequence[str], adjudicated: str
) -> list[str]:
    """Return the cases that were decided against annotators who agree, or before anybody labelled them."""
    against = [
        case.case_id for case in accepted
        if case.how == "adjudicated" and len(case.votes) > 1 and len(set(case.votes.values())) == 1
        and not {UNSURE, case.label} & set(case.votes.values())
    ]  # fmt: skip
    notes = [f"Decided against annotators who agree: {_ids(against)}."] if against else []
    alone = [
        case_id for case_id, one in said.items()
        if one.cells.get(adjudicated) and not any(name in one.cells for name in annotators)
    ]  # fmt: skip
    if alone:
        notes.append(
            f"Decided before anybody labelled, so still open: {_ids(sorted(alone))}; a label takes two people."
        )
    return notes


def _ids(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MAX_IDS:,} more" if len(ids) > MAX_IDS else ""
    return ", ".join(ids[:MAX_IDS]) + more
