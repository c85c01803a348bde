"""Every answer as it comes, in a file that only grows: what is in it is not asked again."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType

from mlflow_evalplus.asking.digest import digest_of
from mlflow_evalplus.asking.lines import as_answer, as_line
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.training_data.lock import only_writer
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.limits import read_line
from mlflow_evalplus.results.answers import Answer

Key = tuple[str, str, str, str, int]
AT_END = os.O_APPEND | os.O_CREAT | os.O_WRONLY | getattr(os, "O_BINARY", 0)  # Windows would write other line ends


def asked(request: Request) -> str:
    """Return the digest of what is asked, word by word.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> asked(Request("q1", (Message("user", "Hi"),))) == asked(Request("q2", (Message("user", "Hi"),), repeat=1))
    True
    """
    return digest_of(request.messages)


def key_of(digest: str, request: Request) -> Key:
    """Return what tells one call from all others: who is asked, which question in which words, for which time."""
    return digest, asked(request), request.question, request.variant, request.repeat


class Journal:
    """A JSONL file of answers, one whole line per call; a line that was torn by a crash is passed over.

    An answer counts for the candidate with the same address, model and parameters, the same question in the same
    words, the same variant and repeat. Errors are written as well, and asked again: only an answer is taken from it.

    Parameters
    ----------
    path : str or Path
        Made with its folder where it is not there. One process at a time holds it.

    Raises
    ------
    DataError
        Another process holds it, it cannot be written to, or a line of it is no answer.

    Examples
    --------
    >>> import tempfile
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> request = Request("q1", (Message("user", "Is it B?"),))
    >>> path = tempfile.mkdtemp() + "/journal.jsonl"
    >>> with Journal(path) as journal:
    ...     journal.add("ab12", request, Answer("small", "q1", text="B"))
    >>> with Journal(path) as journal:
    ...     journal.get("ab12", request).text, journal.get("cd34", request)
    ('B', None)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.torn = 0  # lines that were passed over
        self._answers: dict[Key, Answer] = {}
        self._held = ExitStack()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(only_writer(self.path.parent, f"{self.path.name}.lock"))
            try:
                ends_whole = self._read()
                self._file = os.open(self.path, AT_END, 0o644)
                self._held.callback(os.close, self._file)
                if not ends_whole:
                    self._write(b"\n")
            except BaseException:
                self._held.close()
                raise
        except OSError as error:
            raise DataError(f"the journal {str(path)!r} cannot be opened: {error.strerror}") from None

    def get(self, digest: str, request: Request) -> Answer | None:
        """Return the answer of the candidate with this digest; None where there is none, or an error."""
        return self._answers.get(key_of(digest, request))

    def add(self, digest: str, request: Request, answer: Answer) -> None:
        """Write an answer, or an error, at the end.

        Raises
        ------
        DataError
            It cannot be written: the disk is full.
        """
        key = key_of(digest, request)
        self._write(as_line(answer, digest=digest, asked=key[1]).encode())
        if answer.answered:
            self._answers[key] = answer

    def close(self) -> None:
        """Let others write."""
        self._held.close()

    @property
    def n_answers(self) -> int:
        """How many answers are in it, errors left out."""
        return len(self._answers)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise DataError(f"the journal {str(self.path)!r} cannot be written: {error.strerror}") from None
        if written < len(line):
            raise DataError(f"the journal {str(self.path)!r} cannot be written: the disk is full")

    def _read(self) -> bool:
        """Take what is there; return whether it ends with a whole line."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return True
        line = b"\n"
        with file:
            for number in count(1):
                following = read_line(file, number, self.path)
                if not following:
                    break
                line = following  # the last is looked at below
                if line.strip():
                    self._take(number, line)
        return line.endswith(b"\n")

    def _take(self, number: int, line: bytes) -> None:
        try:
            row = loads(line)
        except ValueError:  # also where it was cut within a letter
            self.torn += 1
            return
        answer = as_answer(row) if isinstance(row, dict) else "is no JSON object"
        wrong = answer if isinstance(answer, str) else "" if {"digest", "asked"} <= set(row) else "has no 'digest'"
        if wrong or isinstance(answer, str):
            raise DataError(f"{str(self.path)!r} is no journal: line {number}: {wrong}. Give another file.")
        if answer.answered:
            key = (row["digest"], row["asked"], answer.question, answer.variant, answer.repeat)
            self._answers[key] = answer
