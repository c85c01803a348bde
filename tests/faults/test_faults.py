"""Every fault, a sample of its moments: nothing is lost, doubled, left RUNNING or passed over in silence.

``python -m tests.faults`` tries every moment, which takes too long for CI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.campaign import bad, outcomes
from tests.faults.scenarios import FAULTS, MAIN, OTHERS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.filterwarnings("ignore:.*input example:UserWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def no_mlflow_variables() -> Iterator[None]:
    """The servers and clients are processes of their own, with an environment of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


def test_every_fault_in_the_two_ways_to_evaluate(tmp_path: Path) -> None:
    found = list(outcomes(tmp_path, 16, operations=MAIN))
    assert not bad(found)
    mounts = (
        {"disk of the spool full", "disk of the artifacts full", "artifact folder read-only"} if os.getuid() else set()
    )
    assert {outcome.case.fault for outcome in found if outcome.met} | mounts == {fault.name for fault in FAULTS}
    assert {"at once", "resumed", "answers", "again"} == {outcome.how for outcome in found}


def test_some_faults_in_every_other_operation(tmp_path: Path) -> None:
    found = list(outcomes(tmp_path, 8, operations=OTHERS))
    assert not bad(found)
    assert {outcome.case.operation for outcome in found if outcome.met} == set(OTHERS)
