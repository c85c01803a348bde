"""How a server stands: whether it has a limit, whether it is there, and whether it is asked any more."""

from __future__ import annotations

from collections import deque

from mlflow_evalplus.asking.replies import Failure

# So many refusals among the last calls are a limit, until fewer are among the longer last: of refusals of 10 % at
# random, one window in 2,000 has as many.
CROWDED, OF_LAST, UNTIL_LAST = 10, 30, 60
ENOUGH = 10  # items in a row that failed after all their retries
GONE = ("timeout", "connection", "server")


class Standing:
    """What a server's last answers say of it.

    Attributes
    ----------
    n_answered : int
    ended : Failure or None
        Why nothing more is asked: a key that is refused, say.
    gone : Failure or None
        Why no further item is begun: so many failed in a row. Those that were asked before go on with their retries.

    Examples
    --------
    >>> standing = Standing()
    >>> for _ in range(10):
    ...     standing.gave_up(Failure("connection", "refused", again=True))
    >>> standing.gone.message
    'refused; failed 10 times in a row; not asked any more'
    """

    def __init__(self) -> None:
        self.n_answered = 0
        self.ended: Failure | None = None
        self.gone: Failure | None = None
        self._limited = False
        self._refused = deque[bool](maxlen=UNTIL_LAST)
        self._in_a_row = 0

    def answered(self) -> None:
        """Count an answer."""
        self.n_answered += 1
        self._in_a_row, self.gone = 0, None
        self._refused.append(False)

    def failed(self, failure: Failure) -> None:
        """Take note of a call that failed."""
        if failure.kind == "rate_limit":
            self._refused.append(True)
        if failure.final:
            self.ended = failure

    def gave_up(self, failure: Failure) -> None:
        """Count an item that is not asked again; enough in a row without an answer, and no other is begun."""
        self._in_a_row += failure.kind in GONE
        if self._in_a_row >= ENOUGH and not self.gone:
            told = f"{failure.message}; failed {ENOUGH} times in a row; not asked any more"
            self.gone = failure._replace(message=told)

    def refuses(self, attempts: int) -> Failure | None:
        """Return why an item that was asked so often is not asked; None where it may be."""
        return self.ended or (None if attempts else self.gone)

    @property
    def crowded(self) -> bool:
        """Whether so large a share of the last calls was refused that there is a limit, and not chance."""
        last = list(self._refused)
        self._limited = sum(last if self._limited else last[-OF_LAST:]) >= CROWDED
        return self._limited
