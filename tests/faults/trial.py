"""One trial: an operation meets a fault, in a folder and an experiment of its own, behind a proxy of its own."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.clients import Clients, Ended, Step
from tests.faults.operations import OPERATIONS, make_inputs
from tests.faults.proxy import Plan, Proxy
from tests.faults.server import Server
from tests.faults.twin import Experiment, look

# MLflow's own patience is minutes; what a user sets, we keep
IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
}  # fmt: skip
RESULTS = {"delivery", "answers"}  # kinds in the spool; the third only says that a run is open


@dataclass(frozen=True)
class Case:
    """What is tried.

    Attributes
    ----------
    fault : str
        A row of the table.
    operation : str
        Of `OPERATIONS`.
    plan : Plan or None
        What the proxy does.
    step : int
        The writing call in the spool at which the client kills itself; 0 for none.
    around : callable or None
        Makes what breaks something while the operation runs, given the world, the trial's folder and its proxy; False
        where it could not.
    """

    fault: str
    operation: str
    plan: Plan | None = None
    step: int = 0
    after_step: bool = False
    around: Callable[[World, Path, Proxy], AbstractContextManager[object]] | None = None
    served: bool = True
    largest_file: int = 0
    environment: dict[str, str] = field(default_factory=dict)


class World:
    """The servers, the inputs, the twins, and for each thread a prepared client process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: dict[bool, Server] = {}
        self.twins: dict[tuple[str, bool], Experiment] = {}
        self.requests: dict[str, list[str]] = {}
        self.steps: dict[str, list[str]] = {}
        self._numbers, self._local, self._lock = itertools.count(1), threading.local(), threading.Lock()
        self._clients: list[Clients] = []
        self.inputs = folder / "inputs"
        self.inputs.mkdir()
        make_inputs(self.inputs)

    def server(self, served: bool = True) -> Server:
        with self._lock:
            if served not in self.servers:
                self.servers[served] = Server(self.folder / ("served" if served else "files"), served=served)
                self.servers[served].start()
            return self.servers[served]

    @property
    def clients(self) -> Clients:
        if not hasattr(self._local, "clients"):
            self._local.clients = Clients()
            with self._lock:
                self._clients.append(self._local.clients)
        clients: Clients = self._local.clients
        return clients

    def close(self) -> None:
        for server in self.servers.values():
            server.kill()
        for clients in self._clients:
            clients.close()

    def trial_folder(self) -> Path:
        folder = self.folder / f"trial{next(self._numbers)}"
        shutil.copytree(self.inputs, folder)
        return folder

    def twin(self, operation: str, served: bool = True) -> Experiment:
        """Return what the operation leaves where nothing breaks."""
        key = (operation, served)
        if key not in self.twins:
            trial = Trial(self, Case("none", operation, step=10**9, served=served))
            ended = trial.act()
            trial.proxy.close()
            assert ended.code in (0, 3, 4), ended.printed
            self.requests[operation] = trial.requests
            self.steps[operation] = json.loads((trial.folder / "steps.json").read_text(encoding="utf-8"))
            assert not trial.kept(), "the spool is empty where nothing breaks"
            self.twins[key] = trial.look()
        return self.twins[key]


class Trial:
    """One operation in a folder and an experiment of its own, behind a proxy of its own."""

    def __init__(self, world: World, case: Case) -> None:
        self.world, self.case = world, case
        self.server = world.server(case.served)
        self.folder = world.trial_folder()
        self.proxy = Proxy(self.server.address)
        self.requests: list[str] = []
        self.seen_kept = self.broken = False
        self.environment = {
            "MLFLOW_TRACKING_URI": self.proxy.address, "MLFLOW_EXPERIMENT_NAME": self.folder.name,
            "EVALPLUS_SPOOL": str(self.folder / "spool"), "XDG_STATE_HOME": str(self.folder / "state"),
            "TMPDIR": str(self.folder / "tmp"), **IMPATIENT, **case.environment,
        }  # fmt: skip
        (self.folder / "tmp").mkdir()

    def look(self) -> Experiment:
        return look(self.server.database, self.server.artifacts, self.folder.name, (self.proxy.address,))

    def kept(self) -> list[str]:
        """Return the kinds of what is whole in the spool, wherever that had room."""
        found = []
        for path in self.folder.glob("*/**/delivery.json"):
            with suppress(OSError):  # it may just be removed
                found.append(str(json.loads(path.read_text(encoding="utf-8"))["kind"]))
        return found

    def kept_results(self) -> bool:
        """Say whether results are among it, rather than only that a run is open."""
        return bool(RESULTS & set(self.kept()))

    def act(self) -> Ended:
        """Run the operation while the fault is there."""
        if OPERATIONS[self.case.operation].before:
            prepared = self.run(self.case.operation, before=True)
            assert prepared.code in (0, 3), prepared.printed
        begins, case = len(self.proxy.seen), self.case
        self.proxy.watch = self._watch
        step = Step(str(self.folder / "spool"), case.step, case.after_step) if case.step else None
        with case.around(self.world, self.folder, self.proxy) if case.around else nullcontext(False) as broken:
            self.broken = broken is not False
            self.proxy.inject(case.plan)
            ended = self.world.clients.run(
                case.operation, self.folder, self.environment, started=self.proxy.aim, step=step,
                largest_file=case.largest_file,
            )  # fmt: skip
            self.proxy.heal()
        self.requests = self.proxy.seen[begins:]
        return ended

    def _watch(self) -> None:
        self.seen_kept = self.seen_kept or self.kept_results()

    def run(self, operation: str, before: bool = False) -> Ended:
        return self.world.clients.run(operation, self.folder, self.environment, before=before)
