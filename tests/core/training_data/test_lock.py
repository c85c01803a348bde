"""One writer at a time; a lock of a process that is gone holds nobody up."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlflow_evalplus.core.training_data.lock import NAME, UNREADABLE_S, only_writer, where
from mlflow_evalplus.errors import DataError


def held_by(folder: Path, **who: object) -> Path:
    path = folder / NAME
    here = {"pid": os.getpid(), "host": socket.gethostname(), "where": where(), "token": "0"}
    path.write_text(json.dumps({**here, **who}))
    return path


def test_the_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    with only_writer(tmp_path):
        with pytest.raises(DataError, match=f"is being written by process {os.getpid()} on "), only_writer(tmp_path):
            raise AssertionError("both write")
        assert (tmp_path / NAME).exists()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), only_writer(tmp_path):
        raise RuntimeError
    with only_writer(tmp_path):
        pass


def gone() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize("who", ["a process that is gone", "one of our number before us", "one of a number used again"])
def test_a_lock_that_nobody_holds_is_taken_over(tmp_path: Path, who: str) -> None:
    if who == "a process that is gone":
        held_by(tmp_path, pid=gone())
    elif who == "one of our number before us":
        held_by(tmp_path)
    else:
        held_by(tmp_path, pid=os.getppid(), begun="long ago")
    with only_writer(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_of_another_machine_is_held_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    path = held_by(tmp_path, pid=1, host="elsewhere", where="elsewhere")
    with pytest.raises(DataError, match=r"process 1 on elsewhere; .*If it is gone for good, delete .*\.lock"):
        only_writer(tmp_path).__enter__()
    assert path.exists()


@pytest.mark.parametrize("boot", ["", "another boot"])
def test_a_lock_of_a_container_with_our_host_name_and_number_is_held(tmp_path: Path, boot: str) -> None:
    """In both containers the writer is process 1; nobody in here can know whether the other one lives."""
    own = where()
    other = f"{own.rpartition(' ')[0]} pid:[1]" if not boot else own.replace(own.split()[1], boot)
    path = held_by(tmp_path, where=other, begun="1")
    with pytest.raises(DataError, match=f"process {os.getpid()} on {socket.gethostname()}"):
        only_writer(tmp_path).__enter__()
    assert path.exists()


def test_a_lock_of_this_very_process_that_it_does_not_know_is_held(tmp_path: Path) -> None:
    with only_writer(tmp_path):
        mine = json.loads((tmp_path / NAME).read_text())
    held_by(tmp_path, **{**mine, "token": "of another copy of the module"})
    with pytest.raises(DataError, match="is being written by process"):
        only_writer(tmp_path).__enter__()


def test_a_lock_that_says_nothing_is_held_while_it_is_new(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.touch()
    with pytest.raises(DataError, match="another process"):
        only_writer(tmp_path).__enter__()
    os.utime(path, (time.time() - 2 * UNREADABLE_S,) * 2)
    with only_writer(tmp_path):
        pass
    assert not path.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere' cannot be written to: No such file"):
        only_writer(tmp_path / "nowhere").__enter__()
