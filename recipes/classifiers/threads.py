"""How many threads a computation on the CPU should have: one for each core that nobody else uses."""

from __future__ import annotations

import os
import time

from mlflow_evalplus.tracking.machine import other_load, usable_cores, usage

LOOK_S = 0.3


def free_cores(seconds: float = LOOK_S) -> int:
    """Look at the machine for a moment, and return how many cores of this process are not in use by others.

    At least one. Threads that share a core wait for each other: on two cores of which one was busy, two threads
    trained slower than one.
    """
    before = usage()
    time.sleep(seconds)
    return threads_for(usable_cores(), os.cpu_count() or 1, other_load(before, usage()))


def threads_for(usable: float, cores: int, others: float | None) -> int:
    """Return the threads for a process that may use `usable` of a machine's cores.

    Parameters
    ----------
    usable, cores
        Cores that this process may use, and all that the machine has.
    others
        Share of the machine that other processes use, 0 to 1; None where it is not known, and then taken as 0.

    Examples
    --------
    >>> threads_for(2, 2, 0.05), threads_for(2, 2, 0.5), threads_for(2, 2, 1.0)
    (2, 1, 1)
    >>> threads_for(4, 64, 0.5), threads_for(1.5, 64, 0.0)
    (4, 1)
    """
    free = cores * (1 - (others or 0.0))
    return max(1, int(min(usable, free + 0.5)))
