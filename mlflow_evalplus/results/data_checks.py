"""What is wrong with labelled data before any model is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import nan
from typing import TYPE_CHECKING

from mlflow_evalplus import names

if TYPE_CHECKING:
    import pandas as pd


NOT_TRUSTED = "The data have an error, so the figures cannot be trusted:"  # how a note of such an error begins


class Level(str, Enum):
    """How bad a finding is: an ``error`` makes figures on the test rows untrustworthy, a ``warning`` limits them."""

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"
    NOT_APPLICABLE = "not applicable"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class DataRow:
    """A row that shows a finding.

    Attributes
    ----------
    part : str
        ``train`` or ``test``.
    row : int
        Its number in that part, from 0.
    shown : str
        Its text, or the value that matters; at most 120 characters.
    """

    part: str
    row: int
    shown: str

    @property
    def name(self) -> str:
        """``test:12``."""
        return f"{self.part}:{self.row}"


@dataclass(frozen=True, slots=True)
class DataFinding:
    """What one check found, or that it found nothing.

    Attributes
    ----------
    check : str
        One of ``names.DATA_CHECKS``.
    level : Level
    sentence : str
        What was found, with its numbers, in plain words; texts of the data in it are quoted and cut.
    n : int
        Rows concerned.
    column : str
        Of a check that looks at each column; empty where it is about all of them or none.
    effect : float
        Size on the check's own scale, 0 to 1, which does not grow with the rows; nan where it has none.
    q_value : float
        After Benjamini and Hochberg over all columns tested; nan where nothing was tested.
    action : str
        What to do; empty where nothing is to be done.
    examples : tuple of DataRow
        At most six.
    """

    check: str
    level: Level
    sentence: str
    n: int = 0
    column: str = ""
    effect: float = nan
    q_value: float = nan
    action: str = ""
    examples: tuple[DataRow, ...] = ()

    @property
    def name(self) -> str:
        """``drift``, or ``drift[channel]``."""
        return f"{self.check}[{self.column}]" if self.column else self.check


@dataclass(frozen=True, slots=True)
class DataChecks:
    """What the checks say of training rows and test rows.

    Attributes
    ----------
    n_train, n_test : int
        Rows; `n_test` is 0 where there are no test rows.
    rows : tuple of DataFinding
        One or more of each check, in the order of ``names.DATA_CHECKS``.
    duplicates_across : float
        Share of the test rows whose text is a training text too; nan without texts or test rows.
    """

    n_train: int
    n_test: int
    rows: tuple[DataFinding, ...]
    duplicates_across: float = nan

    def of_level(self, level: Level | str) -> tuple[DataFinding, ...]:
        """Return the findings of one level, for example ``of_level("error")``."""
        return tuple(row for row in self.rows if row.level == Level(level))

    @property
    def errors(self) -> tuple[DataFinding, ...]:
        """What makes figures on the test rows untrustworthy."""
        return self.of_level(Level.ERROR)

    @property
    def warnings(self) -> tuple[DataFinding, ...]:
        """What limits them."""
        return self.of_level(Level.WARNING)

    def of(self, check: str) -> tuple[DataFinding, ...]:
        """Return the findings of one check, for example ``of("drift")``."""
        return tuple(row for row in self.rows if row.check == check)

    def frame(self) -> pd.DataFrame:
        """Return one row per finding, in the columns ``names.DATA_COLUMNS``; `examples` as ``test:12``."""
        import pandas as pd

        rows = [
            (row.name, f"{row.level}: {row.sentence}", row.check, row.column, row.level.value, row.n, row.effect,
             row.q_value, row.action, [example.name for example in row.examples])
            for row in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.DATA_COLUMNS))
