"""Clients in processes of their own: one process imports everything once, then forks for each trial.

``python -m tests.faults.clients`` reads a task a line from standard input. It answers with the child's number, waits
for a line that lets the child go, and answers with how it ended.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from io import BytesIO
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]
WRITES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "os.truncate", "os.link")


@dataclass(frozen=True)
class Ended:
    """How a client ended: its exit code, or minus the signal's number, and what it printed."""

    code: int
    printed: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class Step:
    """The moment at which a client kills itself.

    Attributes
    ----------
    at : int
        The number of the step, from 1: writing calls below `folder`.
    after : bool
        At the first thing that Python does once the step is done, rather than before the step.
    """

    folder: str
    at: int
    after: bool = False


@dataclass
class Clients:
    """The prepared process."""

    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.clients"], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(
        self, operation: str, folder: Path, environment: Mapping[str, str], *, before: bool = False,
        started: Callable[[int], object] = lambda pid: None, step: Step | None = None, largest_file: int = 0,
    ) -> Ended:  # fmt: skip
        """Run an operation in a child whose working folder is `folder`; wait for its end."""
        self._say({
            "operation": operation, "before": before, "folder": str(folder), "environment": dict(environment),
            "step": vars(step) if step else None, "largest_file": largest_file,
        })  # fmt: skip
        started(int(self._hear()["pid"]))
        self._say({})
        return Ended(**self._hear())

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)

    def _say(self, what: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def _die_at(step: Step) -> list[str]:
    """Kill this process at a step; return the steps, which are counted as they come.

    They are Python's audit events: every file that is opened to write, every rename, removal and new folder.
    """
    armed, steps = False, list[str]()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal armed
        if armed:
            armed = False  # the signal is an event too
            os.kill(os.getpid(), signal.SIGKILL)
        writes = event in WRITES or (event == "open" and _is_writing(arguments))
        if not writes or not any(step.folder in str(one) for one in arguments[:2]):
            return
        steps.append(event)
        if len(steps) == step.at:
            if not step.after:
                os.kill(os.getpid(), signal.SIGKILL)
            armed = True

    sys.addaudithook(hook)
    return steps


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    mode, flags = arguments[1], arguments[2] or 0
    return bool(mode and set(str(mode)) & set("wax+")) or bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _still_clock() -> None:
    """Let the one pass of a model over all rows take a second: two twins would else differ in it."""
    from mlflow_evalplus.tracking import scoring
    from mlflow_evalplus.tracking.machine import Usage

    scoring.usage = lambda: Usage(0.0, 0.0, None, None)
    scoring.time = SimpleNamespace(perf_counter=partial(next, count()))  # type: ignore[assignment]


def _child(task: Mapping[str, Any], go: int, out: Path) -> None:
    import resource

    import mlflow

    from tests.faults.operations import OPERATIONS

    os.chdir(task["folder"])
    os.environ.update(task["environment"])
    tempfile.tempdir = None
    with out.open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    os.read(go, 1)
    if task["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (task["largest_file"], resource.RLIM_INFINITY))
    steps: list[str] = []
    if task["step"]:
        steps = _die_at(Step(**task["step"]))
    _still_clock()
    operation = OPERATIONS[task["operation"]]
    act = operation.before if task["before"] else operation.act
    assert act is not None
    code = act()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    out.with_name("steps.json").write_text(json.dumps(steps), encoding="utf-8")
    out.with_name("modules.json").write_text(json.dumps(sorted(sys.modules)), encoding="utf-8")
    os._exit(code)


def _import_as(child: Path) -> None:
    """Import what a child had to import, so that the next one need not."""
    if child.exists():
        for name in json.loads(child.read_text(encoding="utf-8")):
            if name not in sys.modules and name != "__mp_main__":
                with suppress(Exception):
                    import_module(name)
        child.unlink()


def _warm() -> None:
    """Do once what each child would else do again: imports, templates, fonts, and MLflow's list of packages."""
    import pandas as pd
    from mlflow.utils import requirements_utils

    import mlflow_evalplus as ep
    import mlflow_evalplus.tracking.entry
    import mlflow_evalplus.tracking.evaluator
    from mlflow_evalplus.render.report import report

    with suppress(AttributeError):
        requirements_utils._init_packages_to_modules_map()
    frame = pd.DataFrame({"label": ["no", "yes"] * 20, "prediction": ["no", "yes", "yes", "yes"] * 10})
    evaluation = ep.evaluate(frame)
    report(evaluation, "")
    evaluation.confusion.figure().savefig(BytesIO())


def _serve() -> None:
    _warm()
    for line in sys.stdin:
        task = json.loads(line)
        out = Path(task["folder"]) / "printed.txt"
        begins = out.stat().st_size if out.exists() else 0
        go, let = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(let)
                _child(task, go, out)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(99)
        os.close(go)
        print(json.dumps({"pid": child}), flush=True)
        sys.stdin.readline()
        os.write(let, b"!")
        os.close(let)
        _, status = os.waitpid(child, 0)
        _import_as(out.with_name("modules.json"))
        printed = out.read_bytes()[begins:].decode("utf-8", "replace") if out.exists() else ""
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "printed": printed}), flush=True)


if __name__ == "__main__":
    _serve()
