from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlflow_evalplus.tracking import machine
from mlflow_evalplus.tracking.machine import Usage, other_load


def test_the_machine_is_named_with_its_cores_and_system() -> None:
    text = machine.hardware()
    assert platform.system() in text
    assert f"{os.cpu_count()} cores" in text
    assert "GPU" in text or machine._gpu() in text
    if Path("/proc/cpuinfo").is_file() and "model name" in Path("/proc/cpuinfo").read_text():
        name = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
        assert text.startswith(name.split(":")[1].strip())


def test_the_threads_of_numeric_libraries_are_counted() -> None:
    from threadpoolctl import threadpool_limits

    assert "openblas" in machine.threads() or "mkl" in machine.threads() or "accelerate" in machine.threads()
    with threadpool_limits(1):
        assert {part.split()[1] for part in machine.threads().split(", ")} == {"1"}


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, float("inf")),
        ({"cpu.max": "max 100000\n"}, float("inf")),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, float("inf")),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu.max": "damaged"}, float("inf")),
    ],
)
def test_a_containers_limit_of_cores_is_read(files: dict[str, str], cores: float, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine._limit(tmp_path) == cores


def test_a_program_that_is_not_there_or_fails_says_nothing() -> None:
    assert machine._first_line(["no-such-program"]) == ""
    assert machine._first_line([sys.executable, "-c", "raise SystemExit(3)"]) == ""
    assert machine._first_line([sys.executable, "-c", "print('NVIDIA H100'); print('second')"]) == "NVIDIA H100"


def test_the_load_of_others_is_all_that_was_busy_less_our_own() -> None:
    before = Usage(clock=0.0, own=1.0, busy=100.0, total=1000.0)
    # ten seconds of four cores: 22 core seconds busy, 10 of them ours
    assert other_load(before, Usage(10.0, 11.0, 122.0, 1040.0)) == pytest.approx(0.3)
    # ticks may round below our own
    assert other_load(before, Usage(10.0, 11.0, 109.9, 1040.0)) == 0.0
    assert other_load(before, Usage(0.1, 1.1, 100.1, 1000.4)) is None


def test_without_the_systems_count_the_load_average_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0, 0.0, 0.0))
    none = Usage(0.0, 0.0, None, None)
    assert other_load(none, Usage(10.0, 10.0, None, None)) == pytest.approx(0.5)
    monkeypatch.delattr(os, "getloadavg")
    assert other_load(none, Usage(10.0, 10.0, None, None)) is None


def test_what_a_host_takes_from_a_virtual_machine_is_busy(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text("cpu  100 20 30 4000 500 6 7 80 9 9\ncpu0 1 2 3 4 5 6 7 8 9 9\n")
    assert machine._system(tmp_path / "stat") == pytest.approx((243 / ticks, 4743 / ticks))
    assert machine._system(tmp_path / "missing") == (None, None)
    (tmp_path / "stat").write_text("")
    assert machine._system(tmp_path / "stat") == (None, None)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="the system does not count what others use")
def test_another_process_is_seen_and_our_own_work_is_not() -> None:
    def measured() -> float:
        before, end = machine.usage(), time.perf_counter() + 1.5
        while time.perf_counter() < end:  # our own work
            pass
        found = other_load(before, machine.usage())
        assert found is not None
        return found

    quiet = measured()
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        loaded = measured()
    finally:
        other.kill()
        other.wait()
    # it uses a core; where the host is busy, less is left for it
    assert loaded > quiet + 0.3 / (os.cpu_count() or 1)
