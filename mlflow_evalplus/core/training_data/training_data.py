"""The training data as a folder of plain files that only grows."""

from __future__ import annotations

from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import require_columns
from mlflow_evalplus.core.training_data import files
from mlflow_evalplus.core.training_data.lock import only_writer
from mlflow_evalplus.core.training_data.making import Details, add_version, retire_version, version_of
from mlflow_evalplus.core.training_data.replay import in_use
from mlflow_evalplus.core.training_data.rows import ALL, HELD_OUT, PART, TRAIN, Settings, plain_rows, texts_in
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.training_data import Version

if TYPE_CHECKING:
    import pandas as pd

PARTS = (TRAIN, HELD_OUT, ALL)
Tests = Any  # a data frame, the path of a file, or a list of these


class TrainingData:
    """Versions of the training data in a folder; nothing that was written is ever changed.

    ``versions.jsonl`` has a line for each version, ``rows-0003.jsonl`` the rows that version 3 added, and
    ``tests-0003.jsonl`` the test texts that were named for the first time then. No row whose text is, or nearly is,
    one of these or of a row that is held out can be trained on; see
    `mlflow_evalplus.core.training_data.contamination.contaminated`.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> first = pd.DataFrame({"text": ["late again", "very good"], "label": ["negative", "positive"]})
    >>> data = TrainingData.create(folder, first, text="text", label="label", source="first.csv")
    >>> more = pd.DataFrame({"text": ["so slow", "LATE, AGAIN"], "label": ["negative", "negative"]})
    >>> version = data.add(more, source="july.csv", test=pd.DataFrame({"text": ["Late again!"]}))
    >>> version.sentence
    'Version 2: 2 rows to train on, 0 held out; 1 added, 1 retired, 1 refused (1 the text of a test row).'
    >>> data.rows()["text"].tolist(), data.rows(version=1)["text"].tolist()
    (['very good', 'so slow'], ['late again', 'very good'])
    >>> data.verify()
    ()
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)
        self._lines = files.read_lines(self.folder)

    @classmethod
    def create(
        cls, folder: str | PathLike[str], frame: Any, *, text: str, label: str, source: str, time: str | None = None,
        test: Tests = (), held_out: float = 0.0, seed: int = 0, note: str = "", at: str | datetime | None = None,
    ) -> TrainingData:  # fmt: skip
        """Make version 1 of the rows of a data frame, in a folder that holds no training data yet.

        Parameters
        ----------
        folder : path
            Made where there is none.
        frame : any data frame
            All of its columns are kept; labels as text.
        text, label : str
            Columns.
        source : str
            Where the rows are from: a file, a run id.
        time : str, optional
            Column of each row's own date (ISO 8601), by which `retire` tells its age.
        test, held_out, seed, note, at
            As in `add`.

        Raises
        ------
        DataError
            There is such a folder already; no row is left to train on; a row has no text or label.
        ColumnNotFound
        """
        path, settings = Path(folder), Settings(text, label, time)
        given = plain_rows(frame, settings)
        if time is not None:
            require_columns(frame, [time])
        tests, details = _tests(test, text), Details(source, note, at, held_out, seed)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{str(path)!r} cannot be made: {error.strerror}") from None
        with only_writer(path):
            if (path / files.VERSIONS).exists():
                raise DataError(f"{str(path)!r} holds training data already; add to it, or name another folder")
            add_version(path, [], settings, given, tests, details)
        return cls(path)

    @classmethod
    def open(cls, folder: str | PathLike[str]) -> TrainingData:
        """Return the training data of a folder.

        Raises
        ------
        DataError
            It holds none.
        """
        return cls(folder)

    @property
    def settings(self) -> Settings:
        """The columns that hold text, label and time."""
        return Settings(**self._lines[0]["settings"])

    @property
    def versions(self) -> tuple[Version, ...]:
        """All versions, the oldest first."""
        return tuple(version_of(line) for line in self._lines)

    @property
    def newest(self) -> Version:
        """The newest version, as far as this object knows: `open` again to see what others added."""
        return version_of(self._lines[-1])

    def add(
        self, rows: Any, *, source: str, test: Tests = (), held_out: float = 0.0, seed: int = 0, note: str = "",
        at: str | datetime | None = None,
    ) -> Version:  # fmt: skip
        """Add rows as a new version.

        A row that is there already, with the same text (but for case, width and spaces) and the same label, adds
        nothing. One with another label replaces the old one, which is retired. Of rows that are given twice with
        different labels the last counts.

        Parameters
        ----------
        rows : any data frame, or Adjudication
            With the columns of text and label; an adjudication's accepted cases as they are.
        source : str
            Where they are from: a file, a run id.
        test : data frame, path, or a list of these
            Test sets, with the column of texts or one named ``text``: no row that is, or nearly is, one of these texts
            is taken, and what is in use is held against them too. They are remembered: later versions need not name
            them again.
        held_out : float
            Share of the new texts, 0 … 1, to keep apart as a test of the collected cases. A hash of the text
            chooses them; those that nearly are a text to train on are not among them.
        seed : int
            Of that hash.
        note : str
        at : str or datetime, optional
            The version's date; by default now.

        Returns
        -------
        Version
            The new one; where there is nothing new, the newest with ``changed=False``.

        Raises
        ------
        DataError
            Another process is writing; a file was changed; a row has no text or label; no row is left to train on.
        ColumnNotFound
        """
        details = Details(source, note, at, held_out, seed)
        given, tests = plain_rows(rows, self.settings), _tests(test, self.settings.text)
        with only_writer(self.folder):
            self._lines = files.read_lines(self.folder)
            done = add_version(self.folder, self._lines, self.settings, given, tests, details)
            self._lines = files.read_lines(self.folder)
        return done

    def retire(
        self, *, before: str | datetime, column: str | None = None, note: str = "", at: str | datetime | None = None
    ) -> Version:
        """Take old training rows out of use, as a new version; rows that are held out stay.

        Parameters
        ----------
        before : str or datetime
            Rows older than this date (ISO 8601, such as ``2026-07-01``) go.
        column : str, optional
            Column of each row's date, by default that of the data; where a row has none, its version's date counts.
        note : str
        at : str or datetime, optional

        Returns
        -------
        Version
            The new one; where no row is so old, the newest with ``changed=False``.

        Raises
        ------
        DataError
            A value of the column is no date; no training row would be left.
        ColumnNotFound
            No row has such a column.
        """
        with only_writer(self.folder):
            self._lines = files.read_lines(self.folder)
            done = retire_version(self.folder, self._lines, self.settings, before, column, Details(note=note, at=at))
            self._lines = files.read_lines(self.folder)
        return done

    def rows(self, version: int | None = None, part: str = TRAIN) -> pd.DataFrame:
        """Return the rows that a version has in use, with where each is from in ``names.TRAINING_COLUMNS``.

        Parameters
        ----------
        version : int, optional
            By default the newest.
        part : {"train", "held_out", "all"}

        Raises
        ------
        DataError
            There is no such version or part; a file of it is missing or was changed.
        """
        import pandas as pd

        if part not in PARTS:
            raise DataError(f"part is {part!r}; it is one of {list(PARTS)}")
        lines = self._lines[: self._number(version)]
        there = in_use(self.folder, lines)
        columns = list(dict.fromkeys(name for row in there for name in row if name not in names.TRAINING_COLUMNS))
        chosen = [row for row in there if part in (ALL, row[PART])]
        return pd.DataFrame(chosen, columns=[*columns, *names.TRAINING_COLUMNS])

    def verify(self) -> tuple[str, ...]:
        """Make every digest anew, and return in sentences what was changed since; empty where nothing was.

        Who can write to the folder can also make all of it anew: keep a version's digest elsewhere, as every run of
        the recipe does, to be sure of that too.
        """
        lines = files.read_lines(self.folder)
        return tuple(files.problems(self.folder, lines))

    def _number(self, version: int | None) -> int:
        if version is None:
            return len(self._lines)
        if not 1 <= version <= len(self._lines):
            raise DataError(f"there is no version {version} in {str(self.folder)!r}; versions are 1 to "
                            f"{len(self._lines)}")  # fmt: skip
        return version


def _tests(test: Tests, text: str) -> list[str]:
    """Return the different texts of one or several test sets."""
    several = test if isinstance(test, (list, tuple)) else [test]
    return list(dict.fromkeys(value for one in several for value in texts_in(one, text)))
