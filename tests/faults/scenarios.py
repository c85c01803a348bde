"""All faults, and at which of its requests or writing calls each is met."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.proxy import Plan, Proxy
from tests.faults.server import locked, read_only, small_disk
from tests.faults.trial import Case, World

MAIN = ("evaluate --predictions", "mlflow.models.evaluate")
OTHERS = (
    "evaluate --model", "mlflow.models.evaluate, logged model", "ep.log", "compare", "monitor", "collect",
    "adjudicate", "select", "ratings", "ab",
)  # fmt: skip
UPLOAD = "^PUT .*mlflow-artifacts"


@dataclass(frozen=True)
class Fault:
    """A row of the table: what breaks and how that is done."""

    name: str
    how: str


FAULTS = [
    Fault("server down before", "no connection is accepted until the command has ended"),
    Fault("server down from a request on", "the connection breaks at request k; from then on none is accepted"),
    Fault("answers 500", "from request k on, by the proxy"),
    Fault("answers 503", "from request k on, by the proxy"),
    Fault("answers 429", "from request k on, by the proxy"),
    Fault("answers 503 once", "request k only"),
    Fault("hangs", "from request k on no answer comes"),
    Fault("answer lost once", "the server does request k, the connection is cut before its answer"),
    Fault("answer lost, then down", "the same, and nothing is accepted afterwards"),
    Fault("uploads refused 403", "every upload, by the proxy"),
    Fault("uploads refused 500", "every upload, by the proxy"),
    Fault("uploads refused 507", "from upload k on, by the proxy"),
    Fault("slow", "every request waits 50 ms"),
    Fault("server killed and started again", "SIGKILL to its processes at request k, started after the command"),
    Fault("store locked for 3 s", "another process holds BEGIN EXCLUSIVE on the server's SQLite file"),
    Fault("store locked for longer", "the same, until the command has ended"),
    Fault("disk of the spool full", "a tmpfs of 64 kB"),
    Fault("disk of the server full", "RLIMIT_FSIZE of its processes, 4 kB: neither the SQLite file nor artifacts grow"),
    Fault("disk of the artifacts full", "a tmpfs of 16 kB over the artifacts' folder, into which the client writes"),
    Fault("artifact folder is a file", "a file stands where the experiment's folder belongs"),
    Fault("artifact folder read-only", "a read-only bind mount"),
    Fault("kill -9 before a request", "SIGKILL to the client when request k arrives, which is not passed on"),
    Fault("kill -9 after a request", "SIGKILL to the client when the server has done request k"),
    Fault("kill -9 while the spool is written", "SIGKILL at writing call k in the spool, before it"),
    Fault("kill -9 after a write to the spool", "SIGKILL right after writing call k in the spool"),
]


@contextmanager
def _locked_for(seconds: float, world: World) -> Iterator[None]:
    enough = threading.Event()

    def hold() -> None:
        with locked(world.server().database):
            held.set()
            enough.wait(seconds)

    held, thread = threading.Event(), threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    yield
    enough.set()
    thread.join()


@contextmanager
def _full_spool(world: World, folder: Path, proxy: Proxy) -> Iterator[bool]:
    (folder / "spool").mkdir(mode=0o700)
    with small_disk(folder / "spool", 64) as mounted:
        yield mounted


@contextmanager
def _full_server(world: World, folder: Path, proxy: Proxy) -> Iterator[None]:
    with world.server().no_larger_files(4096):
        yield


@contextmanager
def _full_artifacts(world: World, folder: Path, proxy: Proxy) -> Iterator[bool]:
    with small_disk(world.server(False).artifacts, 16) as mounted:
        yield mounted


@contextmanager
def _file_for_folder(world: World, folder: Path, proxy: Proxy) -> Iterator[None]:
    root = world.server(False).artifacts
    root.rename(root.with_name("away"))
    root.write_text("not a folder", encoding="utf-8")
    yield
    root.unlink()
    root.with_name("away").rename(root)


@contextmanager
def _read_only_folder(world: World, folder: Path, proxy: Proxy) -> Iterator[bool]:
    with read_only(world.server(False).artifacts) as mounted:
        yield mounted


@contextmanager
def _restarted(world: World, folder: Path, proxy: Proxy) -> Iterator[None]:
    yield
    if world.server().process is None:
        world.server().start()


def spread(n: int, every: int) -> list[int]:
    """Return the numbers 1, 1 + every, … up to n, and n."""
    return sorted({*range(1, n + 1, every), n}) if n else []


def cases(world: World, every: int, operations: Collection[str]) -> tuple[list[Case], list[Case]]:
    """Return those that may run side by side, and those that break a whole server; of every k each `every`-th."""
    beside, alone = list[Case](), list[Case]()
    for operation in operations:
        world.twin(operation)
        beside += _of_main(world, operation, every) if operation in MAIN else _of_others(world, operation, every)
        alone += _alone(world, operation, every) if operation in MAIN else []
    return beside, alone


def _of_main(world: World, operation: str, every: int) -> Iterator[Case]:
    n, steps = len(world.requests[operation]), len(world.steps[operation])
    uploads = sum(request.startswith("PUT ") for request in world.requests[operation])
    yield Case("server down before", operation, Plan("refuse"))
    for k in spread(n, every):
        yield Case("kill -9 before a request", operation, Plan("kill_before", k))
        yield Case("kill -9 after a request", operation, Plan("kill_after", k))
    for k in spread(n, 3 * every):
        yield Case("server down from a request on", operation, Plan("refuse", k))
        for status in (500, 503, 429):
            yield Case(f"answers {status}", operation, Plan("answer", k, status=status))
        yield Case("answers 503 once", operation, Plan("answer", k, k, status=503))
        yield Case("answer lost once", operation, Plan("cut", k, k))
        yield Case("answer lost, then down", operation, Plan("cut_refuse", k))
    for k in spread(n, 8 * every):
        yield Case("hangs", operation, Plan("hang", k))
    for status in (403, 500):
        yield Case(f"uploads refused {status}", operation, Plan("answer", 1, match=UPLOAD, status=status))
    for k in spread(uploads, 6 * every):
        yield Case("uploads refused 507", operation, Plan("answer", k, match=UPLOAD, status=507))
    yield Case("slow", operation, Plan("slow"))
    for k in spread(steps, every):
        yield Case("kill -9 while the spool is written", operation, step=k)
        yield Case("kill -9 after a write to the spool", operation, step=k, after_step=True)
    yield Case("disk of the spool full", operation, around=_full_spool)


def _of_others(world: World, operation: str, every: int) -> Iterator[Case]:
    n = len(world.requests[operation])
    yield Case("server down before", operation, Plan("refuse"))
    for k in spread(n, 7 * every)[1:]:
        yield Case("server down from a request on", operation, Plan("refuse", k))
        yield Case("kill -9 before a request", operation, Plan("kill_before", k))
        yield Case("kill -9 after a request", operation, Plan("kill_after", k))
    yield Case("uploads refused 507", operation, Plan("answer", 1, match=UPLOAD, status=507))
    yield Case("answer lost once", operation, Plan("cut", n // 2, n // 2))


def _alone(world: World, operation: str, every: int) -> Iterator[Case]:
    for k in spread(len(world.requests[operation]), 10 * every):
        plan = Plan("call", k, k, also=world.server().kill)
        yield Case("server killed and started again", operation, plan, around=_restarted)
    yield Case("store locked for 3 s", operation, around=lambda world, *_: _locked_for(3, world))
    yield Case("disk of the server full", operation, around=_full_server)
    yield Case("disk of the artifacts full", operation, around=_full_artifacts, served=False)
    yield Case("artifact folder is a file", operation, around=_file_for_folder, served=False)
    yield Case("artifact folder read-only", operation, around=_read_only_folder, served=False)
    if operation == MAIN[0]:
        yield Case("store locked for longer", operation, around=lambda world, *_: _locked_for(300, world))
