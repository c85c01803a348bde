"""The journal: whole lines, torn lines, one process at a time, and what survives kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import Answer
from tests.asking.asking import request
from tests.asking.fake_server import FakeServer, server_process
from tests.asking.fake_server import counts as asked_of
from tests.generated import inputs

ROOT = Path(__file__).parents[2]
ASKING = """
import sys
from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.request import Request

url, path, n = sys.argv[1:]
requests = [Request(f"q{i}", (Message("user", f"question {i}"),)) for i in range(int(n))]
with Journal(path) as journal:
    answers = ask_all([Endpoint("small", url, "m", concurrency=16)], {"small": requests}, journal=journal)["small"]
print(sum(answer is not None and answer.answered for answer in answers))
"""


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "journal.jsonl"
    whole = Answer("small", "q", "again", 2, "你好\n\ud83d", "stop", prompt_tokens=3, completion_tokens=4,
                   cached_tokens=0, seconds=0.25, first_token_s=0.125, attempts=2, money=0.5)  # fmt: skip
    asked = request("q", variant="again", repeat=2)
    with Journal(path) as journal:
        journal.add("d1", asked, whole)
        assert journal.get("d1", asked) == whole
    with Journal(path) as journal:
        assert journal.get("d1", asked) == whole
        assert journal.n_answers == 1


def test_only_the_same_call_has_its_answer(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.add("d1", request("q"), Answer("small", "q", text="B"))
        others = [
            ("d2", request("q")), ("d1", request("q", repeat=1)), ("d1", request("q", variant="again")),
            ("d1", request("another text", "q")), ("d1", request("q", "p")),
            ("d1", Request("q", (Message("system", "Be brief."), Message("user", "q")))),
        ]  # fmt: skip
        assert [journal.get(*other) for other in others] == [None] * 6


@given(cut=st.integers(1, 10_000), more=st.integers(0, 3))
@settings(max_examples=inputs(40), deadline=None)
def test_a_line_that_was_torn_loses_itself_alone(tmp_path_factory: pytest.TempPathFactory, cut: int, more: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal.jsonl"
    with Journal(path) as journal:
        for i in range(5):
            journal.add("d", request(f"q{i}"), Answer("small", f"q{i}", text=f"你好 {i}"))
    content = path.read_bytes()
    cut = 1 + cut % (len(content.splitlines(keepends=True)[-1]) - 1)
    path.write_bytes(content[:-cut])
    for i in range(more):  # opened and written to after the crash
        with Journal(path) as journal:
            journal.add("d", request(f"new {i}"), Answer("small", f"new {i}", text="B"))
    with Journal(path) as journal:
        last_is_whole = cut == 1  # only its end of line is missing
        assert [journal.get("d", request(f"q{i}")) is not None for i in range(5)] == [True] * 4 + [last_is_whole]
        assert all(journal.get("d", request(f"new {i}")) for i in range(more))
        assert journal.torn == (not last_is_whole)


@pytest.mark.parametrize(
    ("line", "told"),
    [('{"candidate":"a","question":"q","text":"B"}', "has no 'digest'"), ("[1]", "is no JSON object"),
     ('{"digest":"d","asked":"a","question":"q","text":"B"}', "candidate: is missing"),
     ('{"id":"q1","input":"Hello"}', "unknown key 'id'")],
)  # fmt: skip
def test_another_file_is_not_written_to(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(line)
    with pytest.raises(DataError, match=f"is no journal: line 1: {told}"):
        Journal(path)
    assert path.read_text() == line
    assert list(tmp_path.iterdir()) == [path]  # the lock is gone


@pytest.mark.parametrize("line", [b"[" * 100_000, b"\x00" * 4096, b'{"a":' * 50_000, b"9" * 5000, b"\xff\xfe{}"])
def test_a_line_that_no_crash_explains_is_passed_over_too(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.add("d", request("q1"), Answer("small", "q1", text="B"))
    path.write_bytes(line + b"\n" + path.read_bytes() + line)
    with Journal(path) as journal:
        assert (journal.torn, journal.n_answers) == (2, 1)
        journal.add("d", request("q2"), Answer("small", "q2", text="B"))
    with Journal(path) as journal:
        assert journal.n_answers == 2


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl"):
        with pytest.raises(DataError, match=r"journal\.jsonl' is being written by process \d+"):
            Journal(tmp_path / "journal.jsonl")
        with Journal(tmp_path / "another.jsonl"):
            pass
    with Journal(tmp_path / "journal.jsonl"):
        pass


def test_a_disk_that_is_full_is_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    journal = Journal.__new__(Journal)
    journal.path, journal._file = Path("/dev/full"), os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(DataError, match="No space left"):
        journal.add("d", request("q"), Answer("small", "q", text="B"))
    os.close(journal._file)


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    """Judges write their verdicts from threads."""
    with Journal(tmp_path / "journal.jsonl") as journal:

        def write(thread: int) -> None:
            for i in range(100):
                name = f"{thread}/{i}"
                journal.add("d", request(name), Answer("small", name, text="B" * 2000))

        threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert len({row["question"] for row in rows}) == len(rows) == 800


def ask_in_process(url: str, path: Path, n: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", ASKING, url, str(path), str(n)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE)  # fmt: skip


def killed_midway(url: str, path: Path, n: int, after: int) -> tuple[int, int]:
    """Kill -9 a process that asks once the server has seen enough; return how often it was asked, then and in all."""
    with ask_in_process(url, path, n) as process:
        while sum(asked_of(url).values()) < after:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    seen = sum(asked_of(url).values())
    with ask_in_process(url, path, n) as process:
        assert process.communicate(timeout=120)[0].strip() == str(n)
    return seen, sum(asked_of(url).values())


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("after", [100, 330, 600])
def test_after_kill_9_a_rerun_repeats_at_most_the_calls_in_flight(tmp_path: Path, after: int) -> None:
    with server_process(0.1) as url:
        seen, in_all = killed_midway(url, tmp_path / "journal.jsonl", 660, after)
        asked = asked_of(url)
    print(f"\nkilled after {seen} of 660 calls; asked again: {in_all - 660}; in flight: 16")
    assert after <= seen < 660
    assert 0 <= in_all - 660 <= 16
    assert len(asked) == 660
    assert max(asked.values()) == 2


@pytest.mark.alone
@pytest.mark.slow
def test_kill_9_in_short(tmp_path: Path) -> None:
    with FakeServer(latency=0.05, keep=False) as server:
        seen, in_all = killed_midway(server.base_url, tmp_path / "journal.jsonl", 120, 40)
    assert seen < 120
    assert 0 <= in_all - 120 <= 16
