"""How fast one candidate is asked: requests and tokens per minute, and a pause where the server asks for one."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

LOOK_S = 0.25  # how often the head of the queue looks whether its turn has come nearer
AFTER = 0.5  # of a pause, over which new requests come back after those that were refused


class Limits:
    """Turns, spread evenly over the minute; a turn's tokens are expected first and settled once they are counted.

    Parameters
    ----------
    requests_per_minute, tokens_per_minute : float or None
        None is without limit.
    clock : callable
        Seconds that never go back.
    rng : random.Random, optional
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._clock, self._rng = clock, rng or random.Random()
        self._spread = 0.0
        self._next_request = self._next_token = self._resume = -1.0
        self.reset()

    def reset(self) -> None:
        """Forget who waits, as another event loop begins; what was sent still counts."""
        self._queue = asyncio.Lock()

    async def turn(self, tokens: int = 0, *, again: bool = False) -> None:
        """Wait until a request of so many expected tokens may be sent, in the order of coming.

        After a pause those go first that are sent `again`, the others spread: else the same ones are refused anew.
        """
        if not (self._per_request or self._per_token):
            while (wait := self._resume - self._clock()) > 0:
                await asyncio.sleep(wait if again else wait + self._spread * self._rng.uniform(0, 1))
            return
        async with self._queue:
            while (wait := self._wait()) > 0:
                await asyncio.sleep(min(wait, LOOK_S))
            now = self._clock()
            self._next_request = max(self._next_request, now) + self._per_request
            self._next_token = max(self._next_token, now) + tokens * self._per_token

    def _wait(self) -> float:
        return max(self._next_request, self._next_token, self._resume) - self._clock()

    def settle(self, expected: int, used: int) -> None:
        """Give back the turn of tokens that were expected and not used, or take more."""
        self._next_token += (used - expected) * self._per_token

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long."""
        self._spread = AFTER * seconds
        self._resume = max(self._resume, self._clock() + seconds)
