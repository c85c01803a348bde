"""Answers from a file: of an earlier run, of another tool, of a system that cannot be called from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from mlflow_evalplus.asking.digest import digest_of
from mlflow_evalplus.asking.lines import FIELDS, OF_JOURNAL, as_answer, as_line
from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.questions.rows import read_rows
from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from mlflow_evalplus.results.answers import Answer

SHOWN = 20  # mistakes of one file
Key = tuple[str, str, str, int]


class _Line(NamedTuple):
    """An answer with its line, and what a journal says of the call."""

    number: int | str
    answer: Answer
    call: tuple[Any, ...]

    def replaces(self, earlier: _Line) -> bool:
        """Whether it counts in place of an earlier line for the same question; an error replaces no answer to it."""
        if not earlier.answer.answered:
            return True
        of_journal = all(self.call) and all(earlier.call)
        return of_journal and (self.answer.answered or self.call != earlier.call)


def read_answers(path: str | Path, candidate: str = "") -> list[Answer]:
    """Read recorded answers: a JSONL file, or a CSV file with the same names as columns.

    Of two lines for one candidate, question, variant and repeat the later replaces an error, as in a journal. Lines of
    a journal say of which call they are: there the later counts, as the prompt was changed in between.

    Parameters
    ----------
    path : str or Path
    candidate : str
        Whose the lines are that name none.

    Raises
    ------
    DataError
        The file cannot be read; every mistake in it is listed with its line.
    """
    found: dict[Key, _Line] = {}
    mistakes: list[tuple[int | str, str]] = []
    for number, row in read_rows(path, FIELDS):
        answer = row if isinstance(row, str) else as_answer({"candidate": candidate or None, **row})
        if isinstance(answer, str):
            mistakes.append((number, answer))
            continue
        key = (answer.candidate, answer.question, answer.variant, answer.repeat)
        line = _Line(number, answer, tuple(row.get(name) for name in OF_JOURNAL) if isinstance(row, dict) else ())
        if key not in found or line.replaces(found[key]):
            found[key] = line
        elif answer.answered:
            told = f"answers the same question and repeat as line {found[key].number}; keep one of them"
            mistakes.append((number, told))
    if mistakes:
        shown = "\n".join(f"  line {number}: {words}" for number, words in mistakes[:SHOWN])
        more = f"\n  … {len(mistakes) - SHOWN:,} more" if len(mistakes) > SHOWN else ""
        raise DataError(f"{path} has {len(mistakes):,} mistake{'s' * (len(mistakes) > 1)}:\n{shown}{more}")
    return [line.answer for line in found.values()]


def write_answers(path: str | Path, answers: Iterable[Answer]) -> None:
    """Write answers to a JSONL file that `read_answers` reads; one that exists is replaced.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    try:
        with Path(path).open("w", encoding="utf-8") as file:
            file.writelines(as_line(answer) for answer in answers)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror}") from None


class Recorded:
    """A candidate whose answers are in a file; nothing is called, and what the file lacks is None.

    Parameters
    ----------
    name : str
    path : str or Path
    of : str, optional
        The candidate's name in the file, where it is another.
    price : Price, optional
        With it the money is counted from the recorded tokens; without, it is as recorded.
    about : mapping of str to str, optional
        What a run shows besides.

    Raises
    ------
    DataError
        The file cannot be read, or has no answers of this candidate.
    """

    asks = False
    concurrency = 1

    def __init__(
        self, name: str, path: str | Path, *, of: str = "", price: Price | None = None,
        about: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.price, wanted = name, price, of or name
        answers = read_answers(path, wanted)
        mine = [answer for answer in answers if answer.candidate == wanted]
        if not mine:
            names = list(dict.fromkeys(answer.candidate for answer in answers))
            raise DataError(
                f"{str(path)!r} has no answers of {wanted!r}; it has those of {shorten(names)}. "
                f"Name one of them: 'candidate: …'.{did_you_mean(wanted, names)}"
            )
        self._answers = {(a.question, a.variant, a.repeat): replace(a, candidate=name) for a in mine}
        self.digest = digest_of(sorted(map(as_line, mine)))
        self.about: Mapping[str, str] = {"kind": "recorded answers", "file": Path(path).name, **(about or {})}

    def __repr__(self) -> str:
        return f"Recorded({self.name!r}, {len(self._answers)} answers)"

    async def ask(self, request: Request) -> Answer | None:
        """Return the recorded answer; None where there is none."""
        answer = self._answers.get((request.question, request.variant, request.repeat))
        return self.price.charged(answer) if answer and self.price else answer

    async def close(self) -> None:
        """Nothing is held open."""
