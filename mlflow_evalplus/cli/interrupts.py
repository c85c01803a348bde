"""Ctrl-C and SIGTERM that get through, whatever the program does when they come in."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

AGAIN_S = 0.05


class Stopped(KeyboardInterrupt):
    """A signal asks the program to end.

    Attributes
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def interruptible(on_signal: Callable[[Stopped], None]) -> Iterator[None]:
    """Raise `Stopped` in the main thread on Ctrl-C and on SIGTERM, again and again until it gets through.

    Python ignores what is raised while the garbage collector removes an object, and Pandas' and SQLAlchemy's objects
    are removed by the thousand when an evaluation is over: of signals that came then, most were lost.

    Parameters
    ----------
    on_signal : callable
        Is given what will be raised. A library may catch it, so the program should raise it itself, too, between two
        pieces of work.

    Raises
    ------
    Stopped
        A signal came in.
    ValueError
        This is not the process's main thread: only there Python handles signals.
    """
    resent = list[threading.Timer]()

    def interrupt(number: int, frame: FrameType | None) -> None:
        asked = Stopped(number)
        on_signal(asked)
        raise asked

    def ignored(what: Any) -> None:
        if not isinstance(what.exc_value, Stopped):
            hook(what)
            return
        resent.append(threading.Timer(AGAIN_S, _send, [what.exc_value.number]))
        resent[-1].start()

    hook, sys.unraisablehook = sys.unraisablehook, ignored
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for timer in resent:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


def _send(number: int) -> None:
    """Send a signal to the main thread, so that it does not go on sleeping either."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))
