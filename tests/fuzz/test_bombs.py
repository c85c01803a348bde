"""Files that ask for more than there is are refused in time, in little memory, and with the limit that they pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.bombs import BOMBS, GIB, Bomb

ROOT = Path(__file__).parents[2]
MEMORY = 4 * GIB  # of addresses; libraries alone take more than one
PEAK = 1_600  # MB of memory in use besides what the imports take
SECONDS = 120


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: f"{bomb[0]}, {bomb[3]}{bomb[1]}")
def test_a_bomb_is_refused_in_bounded_time_and_memory(tmp_path: Path, bomb: Bomb) -> None:
    _, suffix, write, parser = bomb
    path = write(tmp_path / f"bomb{suffix}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one_bomb", parser, str(path), str(MEMORY)],
        capture_output=True, text=True, timeout=SECONDS, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    path.unlink()
    assert found["kind"] in ("DataError", "RequirementsError", "TrackingError"), found
    assert found["mb"] < PEAK, found
