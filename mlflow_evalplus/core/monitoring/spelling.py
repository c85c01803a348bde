"""Labels and answers that mean the same and are written differently: every such answer counts as wrong."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_evalplus.errors import DataError, did_you_mean, shorten

MAX_NAMED = 3


def compare_spelling(labels: Sequence[str], answers: Sequence[str], declared: Sequence[str]) -> tuple[str, ...]:
    """Return a note of the answers that differ from a label in case or spaces only, or that no label ever is.

    Parameters
    ----------
    labels, answers : sequence of str
        The different labels, and the different answers to rows that have one.
    declared : sequence of str
        Labels of the requirements.

    Raises
    ------
    DataError
        No answer is ever a label, and some differ from one in case or spaces only: all would count as wrong.

    Examples
    --------
    >>> compare_spelling(["yes", "No"], ["yes", "no"], [])
    ("Answers that differ from a label in case or spaces only count as wrong: 'no' (label 'No'). Write them alike.",)
    """
    known = list(dict.fromkeys([*labels, *declared]))
    if not known:
        return ()
    meant = {_folded(label): label for label in known}
    unlike = {a: meant[_folded(a)] for a in sorted(set(answers) - set(known)) if _folded(a) in meant}
    apart = bool(answers) and not set(answers) & set(known)
    said = ", ".join(f"{answer!r} (label {label!r})" for answer, label in list(unlike.items())[:MAX_NAMED])
    if apart and unlike:
        raise DataError(
            f"labels and answers differ in case or spaces, so that every answer would count as wrong: {said}. Write "
            "them alike"
        )
    if apart:
        near = did_you_mean(answers[0], known)
        return (
            f"No answer is ever a label, so that all count as wrong: labels are {shorten(known, 5)}, answers are "
            f"{shorten(answers, 5)}.{near} Are these the right columns?",
        )
    if not unlike:
        return ()
    return (f"Answers that differ from a label in case or spaces only count as wrong: {said}. Write them alike.",)


def _folded(text: str) -> str:
    return "".join(text.casefold().split())
