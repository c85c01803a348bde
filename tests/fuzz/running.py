"""An input is read, and what comes of it is looked at: accepted, refused by one of our errors, or unexpected."""

from __future__ import annotations

import random
import re
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from mlflow_evalplus.errors import EvalPlusError
from tests.fuzz.documents import documents
from tests.fuzz.mutations import mutated
from tests.fuzz.parsers import Parser

SECONDS = 5.0  # for one small input
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where there is such a folder
LONGEST = 4_000  # characters of a message
SHORTEST = 12
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ACCEPTED, REFUSED = "accepted", "refused"


class TooSlow(BaseException):
    """An input took longer than `SECONDS`."""


@dataclass
class Tally:
    """What came of one parser's inputs."""

    parser: str
    counts: Counter[str] = field(default_factory=Counter)
    unexpected: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # what, and the first input of it
    seconds: float = 0.0  # of the processor

    @property
    def n(self) -> int:
        """How many inputs there were."""
        return self.counts.total()


def outcome(parser: Parser, suffix: str, content: bytes) -> str:
    """Return `ACCEPTED`, `REFUSED`, or what is wrong, in a line with its place."""
    with TemporaryDirectory(prefix="fuzz-", dir=IN_MEMORY) as folder:
        path = Path(folder) / f"input{suffix}"
        path.write_bytes(content)
        try:
            with warnings.catch_warnings(), _in_time():
                warnings.simplefilter("error")
                for future in (DeprecationWarning, FutureWarning):  # of what a later release of a library will do
                    warnings.simplefilter("ignore", future)
                parser.run(path)
        except EvalPlusError as error:
            return _fault(str(error)) or REFUSED
        except (Exception, TooSlow) as error:
            return _told(error)
    return ACCEPTED


def _fault(message: str) -> str:
    """Return what is wrong with a message, in words."""
    if not SHORTEST <= len(message) <= LONGEST:
        return f"a message of {len(message)} characters: {message[:80]!r}"
    found = HIDDEN.search(message)
    return f"a message with {found[0]!r}: {message[:80]!r}" if found else ""


def _told(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "mlflow_evalplus" in frame.filename]
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {at}: {str(error)[:100]!r}"


@contextmanager
def _in_time() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(parser: Parser, n: int, begin: int = 0) -> Tally:
    """Read the seeds, then documents like them and their bytes changed, half of each, `n` inputs in all."""
    tally, started = Tally(parser.name), time.process_time()
    seeds = [(path.suffix, path.read_bytes()) for path in parser.seeds]
    for suffix, content in seeds:
        _count(tally, parser, suffix, content)
    _documents(tally, parser, seeds, n // 2, begin)
    rng = random.Random(begin)
    while tally.n < n:
        at = rng.randrange(len(seeds))
        _count(tally, parser, seeds[at][0], mutated([content for _, content in seeds], at, rng))
    tally.seconds = time.process_time() - started
    return tally


def _documents(tally: Tally, parser: Parser, seeds: list[tuple[str, bytes]], n: int, begin: int) -> None:
    if n <= 0:
        return

    @seed(begin)
    @settings(
        max_examples=n, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(documents(seeds))
    def run(document: Any) -> None:
        _count(tally, parser, *document)

    run()


def _count(tally: Tally, parser: Parser, suffix: str, content: bytes) -> None:
    found = outcome(parser, suffix, content)
    expected = found in (ACCEPTED, REFUSED)
    tally.counts[found if expected else "unexpected"] += 1
    if not expected:
        tally.unexpected.setdefault(found, (suffix, content))
