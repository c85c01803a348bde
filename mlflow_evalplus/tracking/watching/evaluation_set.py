"""The evaluation set of a watcher: a file that is read again when it changes."""

from __future__ import annotations

import time
from pathlib import Path

from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements, StoreText
from mlflow_evalplus.tracking.entry import LabelledData, Request, read_labelled

SETTLED_S = 2.0  # a file that was written to since is taken to be half-written
PATIENCE_S = 20.0
TRIES = 3

Stamp = tuple[tuple[str, int, int], ...]


class EvaluationSet:
    """A file of labelled data with its requirements and what else tells of it.

    Attributes
    ----------
    request : Request
    digest : str
        Of ids (else texts) and labels: the version. Empty before the first reading.
    n : int
        Examples.
    """

    def __init__(self, path: str, request: Request) -> None:
        self.path, self.request = path, request
        self.digest, self.n = "", 0
        self._stamp: Stamp = ()
        self._labelled: LabelledData | None = None

    @property
    def labelled(self) -> LabelledData:
        """The rows, as they were read last."""
        if self._labelled is None:
            self.read_again()
        assert self._labelled is not None
        return self._labelled

    @property
    def store_text(self) -> StoreText:
        """How much of the texts is stored, as the requirements of the rows say."""
        wanted: Requirements = self.labelled.config["requirements"]
        return wanted.store_text

    def read_again(self) -> bool:
        """Read the files where one of them changed in time or size; return whether any did.

        Waits while one is being written. Where this fails, what was read before stays, and the next call tries again.

        Raises
        ------
        EvalPlusError
            A file is wrong; it is written to without an end; rows have neither ids nor texts to tell their version by.
        """
        if self._labelled is not None and self._stamps() == self._stamp:
            return False
        for _ in range(TRIES):
            stamp = self._settled()
            labelled = read_labelled(self.path, self.request)
            digest = labelled.digest()
            if self._stamps() == stamp:
                break
        else:
            raise DataError(f"{self.path!r} changes while it is read; write another file and rename it to this one")
        if not digest:
            raise DataError(
                f"the version of {self.path!r} cannot be told: it has neither ids nor texts; name their column "
                "(--id, --text)"
            )
        self._labelled, self._stamp, self.digest, self.n = labelled, stamp, digest, len(labelled.frame)
        return True

    def _stamps(self) -> Stamp:
        """Return time and size of each file that is there; readers say what is missing."""
        given = (self.path, self.request.requirements, self.request.training, self.request.rules)
        found = [(name, Path(name).stat()) for name in given if name and Path(name).exists()]
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)

    def _settled(self) -> Stamp:
        """Wait until no file has been written to for `SETTLED_S`."""
        stop = time.monotonic() + PATIENCE_S
        while time.monotonic() < stop:
            stamps = self._stamps()
            ages = [time.time() - changed / 1e9 for _, changed, _ in stamps]
            youngest = min((age for age in ages if age >= 0), default=SETTLED_S)  # another machine's clock may be ahead
            if youngest >= SETTLED_S:
                return stamps
            time.sleep(SETTLED_S - youngest)
        raise DataError(f"{self.path!r} has been written to for {PATIENCE_S:.0f} s without an end")
