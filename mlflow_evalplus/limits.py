"""How large what is read from outside may be: generous for honest files, and each raised by an environment variable."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlflow_evalplus.errors import DataError, EvalPlusError

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that what is read may not pass.

    Attributes
    ----------
    variable : str
        The environment variable that gives another number.
    default : int
    noun : str
        What is counted.
    """

    variable: str
    default: int
    noun: str

    @property
    def value(self) -> int:
        """The number that holds: the variable's where it is set.

        Raises
        ------
        EvalPlusError
            The variable holds no whole number above 0.
        """
        given = os.environ.get(self.variable, "").strip()
        if not given:
            return self.default
        if not (given.isascii() and given.isdecimal() and len(given) < 20 and int(given)):
            raise EvalPlusError(f"{self.variable} is {given[:60]!r}; give a whole number above 0, or unset it")
        return int(given)

    def check(self, found: int, what: str, todo: str, error: type[EvalPlusError] = DataError) -> None:
        """Refuse what has more than is allowed.

        Parameters
        ----------
        found : int
        what : str
            What has so many, as errors call it.
        todo : str
            What to do about it, in words.
        error : type, optional

        Raises
        ------
        EvalPlusError
            Of the type `error`, with the limit and the variable that raises it.

        Examples
        --------
        >>> COLUMNS.check(3, "'data.csv'", "leave out what is not needed")
        """
        if found > self.value:
            end = "" if todo.endswith("?") else "."
            raise error(f"{what} has {found:,} {self.noun}, more than {self.value:,}: {todo}{end} If it is meant, "
                        f"raise the limit with the environment variable {self.variable}")  # fmt: skip


LINE = Limit("EVALPLUS_MAX_LINE_BYTES", 64 * MIB, "bytes in one line")
COLUMNS = Limit("EVALPLUS_MAX_COLUMNS", 20_000, "columns")
TABLE = Limit("EVALPLUS_MAX_TABLE_BYTES", 4096 * MIB, "bytes once it is unpacked")
RECORDS = Limit("EVALPLUS_MAX_RECORDS", 500_000, "lines")  # of questions, answers and the like, read into objects
WHOLE = Limit("EVALPLUS_MAX_WHOLE_BYTES", 512 * MIB, "bytes")  # of a file or archive that is read at once
YAML = Limit("EVALPLUS_MAX_YAML_BYTES", 4 * MIB, "bytes of YAML")
NODES = Limit("EVALPLUS_MAX_YAML_NODES", 500_000, "values once its anchors are followed")
DEPTH = Limit("EVALPLUS_MAX_DEPTH", 100, "levels of nesting")
ALL = (LINE, COLUMNS, TABLE, RECORDS, WHOLE, YAML, NODES, DEPTH)


def read_line(file: BinaryIO, number: int, path: Path) -> bytes:
    """Return the next line of a file, empty at its end.

    Raises
    ------
    DataError
        It is longer than `LINE` allows.
    """
    longest = LINE.value
    line = file.readline(longest + 1)
    if len(line) > longest:
        raise DataError(f"line {number:,} of {str(path)!r} has more than {longest:,} bytes: is it text, and are its "
                        "line ends whole? If it is meant, raise the limit with the environment variable "
                        f"{LINE.variable}")  # fmt: skip
    return line


def read_at_most(path: Path, limit: Limit, todo: str, error: type[EvalPlusError] = DataError) -> bytes:
    """Return the content of a file that is not larger than allowed.

    Raises
    ------
    EvalPlusError
        Of the type `error`: it is larger.
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size  # 0 of a pipe
        limit.check(size, repr(str(path)), todo, error)
        content = file.read(limit.value + 1)
    limit.check(max(size, len(content)), repr(str(path)), todo, error)
    return content
