"""The machine that a timing was taken on, and who else used it meanwhile."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TIMEOUT_S = 5
SHORTEST_S = 0.2  # the system counts in steps of 10 ms: over a shorter time the share would be chance


@cache
def hardware() -> str:
    """Return processor, cores that this process may use, GPU and system: ``AMD EPYC, 2 of 8 cores, no GPU, Linux``.

    Of a container it is the cores that its limit allows.
    """
    return ", ".join((_processor(), _cores(), _gpu(), platform.system()))


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    name = _first_line(["sysctl", "-n", "machdep.cpu.brand_string"]) if sys.platform == "darwin" else ""
    return name or platform.processor() or platform.machine()


def _cores() -> str:
    whole, usable = os.cpu_count() or 1, usable_cores()
    return f"{usable:g} cores" if usable == whole else f"{usable:g} of {whole} cores"


def usable_cores() -> float:
    """Return how many cores this process may use: a container's limit may be 1.5 of 64."""
    whole = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else whole
    return min(float(affinity), _limit(Path("/sys/fs/cgroup")))


def _limit(cgroup: Path) -> float:
    """Return the cores that a control group allows, of its second or first version; infinity without a limit."""
    try:
        if (cgroup / "cpu.max").is_file():
            quota, period = (cgroup / "cpu.max").read_text().split()[:2]
        else:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return float(quota) / float(period) if float(quota) > 0 else float("inf")
    except (OSError, ValueError):  # there is none, or it says "max"
        return float("inf")


def _gpu() -> str:
    names = _first_line(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    torch = sys.modules.get("torch")
    if not names and torch is not None and torch.cuda.is_available():
        names = str(torch.cuda.get_device_name())
    return names or "no GPU"


def _first_line(command: Sequence[str]) -> str:
    """Return the first line that a program prints; nothing where it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(run.stdout.splitlines()), "").strip()


def threads() -> str:
    """Return the threads of the numeric libraries that are loaded: ``openblas 2, openmp 2``."""
    found: dict[str, int] = {}
    try:
        import threadpoolctl  # type: ignore[import-untyped]
    except ImportError:
        pass
    else:
        found = {
            str(library["internal_api"]): int(library["num_threads"]) for library in threadpoolctl.threadpool_info()
        }
    if "torch" in sys.modules:
        found["torch"] = int(sys.modules["torch"].get_num_threads())
    return ", ".join(f"{name} {number}" for name, number in sorted(found.items()))


@dataclass(frozen=True)
class Usage:
    """Seconds since some beginning: of the clock, of our own CPU time, and of all cores, busy and in all.

    Ours is that of all threads and of the children that have ended. The system's is None where it does not tell.
    """

    clock: float
    own: float
    busy: float | None
    total: float | None


def usage() -> Usage:
    """Return how much CPU time was used until now."""
    times = os.times()
    own = time.process_time() + times.children_user + times.children_system
    busy, total = _system(Path("/proc/stat"))
    return Usage(time.perf_counter(), own, busy, total)


def _system(stat: Path) -> tuple[float | None, float | None]:
    """Return busy and all core seconds since the system's start; what a host took from a virtual machine is busy."""
    try:
        first = stat.read_text().splitlines()[0].split()
        # user, nice, system, idle, iowait, irq, softirq, steal; what follows is within user and nice
        ticks = [int(value) for value in first[1:9]]
        hertz = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None, None
    return (sum(ticks) - sum(ticks[3:5])) / hertz, sum(ticks) / hertz


def other_load(before: Usage, after: Usage) -> float | None:
    """Return the share of the machine, 0 to 1, that other processes used between two moments.

    None where the time between them is too short to tell, or the system does not say.
    """
    elapsed, own = after.clock - before.clock, after.own - before.own
    if elapsed < SHORTEST_S:
        return None
    if before.busy is None or after.busy is None or before.total is None or after.total is None:
        return _from_average(own / elapsed)
    total = after.total - before.total
    return min(max((after.busy - before.busy - own) / total, 0.0), 1.0) if total > 0 else None


def _from_average(own_cores: float) -> float | None:
    """Return the same from the load of the last minute, where the system knows one."""
    if not hasattr(os, "getloadavg"):
        return None
    return min(max((os.getloadavg()[0] - own_cores) / (os.cpu_count() or 1), 0.0), 1.0)
