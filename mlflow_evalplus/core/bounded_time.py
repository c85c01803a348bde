"""A regular expression of somebody else's that may take for ever, held to a time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mlflow_evalplus.errors import DataError


class _TooLong(BaseException):
    """The time is up."""


@contextmanager
def at_most(seconds: float, what: str, todo: str) -> Iterator[None]:
    """Stop what is done within after so many seconds.

    A search by a regular expression can be stopped by a signal only: so this holds in a process's main thread, on
    systems that have alarms (not on Windows); elsewhere nothing is stopped. An earlier alarm of others stays.

    Parameters
    ----------
    seconds : float
    what, todo : str
        What takes long, and what to do about it; of the error.

    Raises
    ------
    DataError
        The time is up.

    Examples
    --------
    >>> import re
    >>> with at_most(0.1, "the pattern '(a+)+$'", "write it without a repeat within a repeat"):
    ...     re.search("(a+)+$", "a" * 40 + "b")
    Traceback (most recent call last):
    mlflow_evalplus.errors.DataError: the pattern '(a+)+$' took more than 0.1 s: write it without a repeat within a \
repeat
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    left, repeated = signal.getitimer(signal.ITIMER_REAL)
    if 0 < left <= seconds:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    before, started = signal.signal(signal.SIGALRM, stop), time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLong:
        raise DataError(f"{what} took more than {seconds:g} s: {todo}") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)  # None: not one of Python's
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 0.001), repeated)
