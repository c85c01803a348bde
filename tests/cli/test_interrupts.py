from __future__ import annotations

import os
import signal
import sys
import time
import weakref

import pytest

from mlflow_evalplus.cli import interrupts
from mlflow_evalplus.cli.interrupts import Stopped, interruptible

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


class Removed:
    """An object in whose end a signal comes in."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


class Held:
    """An object to which something refers weakly."""


@SIGNALS
def test_a_signal_is_raised_and_told_and_its_handler_is_put_back(number: int) -> None:
    before, hook, told = signal.getsignal(number), sys.unraisablehook, list[Stopped]()

    def work() -> None:
        os.kill(os.getpid(), number)
        time.sleep(10)

    with pytest.raises(Stopped) as stopped, interruptible(told.append):
        work()
    assert told == [stopped.value]
    assert stopped.value.number == number
    assert signal.getsignal(number) is before
    assert sys.unraisablehook is hook


@SIGNALS
def test_a_signal_that_comes_while_an_object_is_removed_is_raised_after_it(number: int) -> None:
    """And does not wait until what sleeps has slept enough."""
    told, passed, began = list[Stopped](), list[bool](), time.monotonic()

    def work() -> None:
        removed = Removed(number)
        del removed
        passed.append(True)
        time.sleep(10)

    with pytest.raises(Stopped) as stopped, interruptible(told.append):
        work()
    assert passed
    assert [one.number for one in told] == [number] * 2
    assert stopped.value is told[-1]
    assert time.monotonic() - began < 5


def test_a_signal_in_the_callback_of_a_weak_reference_is_raised_after_it() -> None:
    def work() -> None:
        held = Held()
        followed = weakref.ref(held, lambda _: os.kill(os.getpid(), signal.SIGTERM))
        del held
        assert followed() is None
        time.sleep(10)

    with pytest.raises(Stopped), interruptible(lambda asked: None):
        work()


def test_a_signal_that_is_to_be_sent_again_is_not_sent_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "AGAIN_S", 0.2)
    with interruptible(lambda asked: None):
        removed = Removed(signal.SIGTERM)
        del removed
    time.sleep(0.4)  # SIGTERM would end this process


def test_what_else_python_ignores_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored = list[object]()
    monkeypatch.setattr(sys, "unraisablehook", lambda what: ignored.append(what.exc_type))

    class Odd:
        def __del__(self) -> None:
            raise ValueError

    with interruptible(lambda asked: None):
        odd = Odd()
        del odd
    assert ignored == [ValueError]
