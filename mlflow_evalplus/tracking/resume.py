"""What is kept in the spool, logged at last: to the same runs, and nothing twice."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient, fluent
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError, did_you_mean, shorten
from mlflow_evalplus.tracking import awaited, delivery, kept_answers, spool, store, writer
from mlflow_evalplus.tracking.destination import forget_kept
from mlflow_evalplus.tracking.spool import Held, Parcel

DELIVERED, ENDED, DROPPED, UNFINISHED = "delivered", "ended", "dropped", "unfinished"
WAITING, ALIVE, ELSEWHERE, DAMAGED = "waiting", "alive", "elsewhere", "damaged"
DONE = (DELIVERED, ENDED, DROPPED, UNFINISHED)  # of these nothing is left, or was worth keeping
DELETED = re.compile(r"The (run|experiment) (\w+) must be in the 'active' state")


@dataclass(frozen=True)
class Resumed:
    """What became of a parcel, or what it is.

    Attributes
    ----------
    id, kind : str
        Of the parcel; ``delivery``, ``answers`` or ``run``.
    run_id : str
        Empty where the run is still to be made.
    created : int
        Milliseconds since 1970.
    n_bytes : int
    state : str
        ``delivered``, ``ended`` (a run), ``dropped`` (it was not needed), ``unfinished`` (a process was killed as it
        wrote it); or still there: ``waiting``, ``alive`` (a process works on it), ``elsewhere`` (it is for another
        server), ``damaged``.
    folder : str
    detail : str
        Why it waits.
    """

    id: str
    kind: str
    run_id: str
    created: int
    n_bytes: int
    state: str
    folder: str
    detail: str = ""

    @property
    def is_left(self) -> bool:
        """Whether it is still in the spool."""
        return self.state not in DONE


def kept(folders: Sequence[Path] | None = None) -> list[Resumed]:
    """Return what is in the spool, the oldest first; nothing is changed."""
    return [_look(parcel) for place in folders or spool.places() for parcel in spool.parcels(place)]


def discard(identifier: str, folders: Sequence[Path] | None = None) -> Resumed:
    """Remove one parcel from the spool.

    Raises
    ------
    TrackingError
        There is none of this name, or a process works on it.
    """
    found = {parcel.id: parcel for place in folders or spool.places() for parcel in spool.parcels(place)}
    if identifier not in found:
        near = did_you_mean(identifier, found)
        raise TrackingError(f"the spool keeps nothing called {identifier!r}; it keeps {shorten(found)}.{near}")
    told = _look(found[identifier])
    with spool.taking(found[identifier]) as held:
        if held is None:
            raise TrackingError(f"{identifier!r} is being worked on by a process; wait until it has ended")
        held.remove()
    return replace(told, state=DROPPED, detail="discarded")


def resume(
    folders: Sequence[Path] | None = None, *, anyway: bool = False, on_step: Callable[[str], None] = lambda step: None
) -> list[Resumed]:
    """Log what is kept, the oldest first; return what became of each parcel.

    Parameters
    ----------
    folders : sequence of pathlib.Path, optional
        Spools; by default all places where parcels may be.
    anyway : bool
        Also deliver what was meant for another tracking server: it has moved.
    on_step : callable
        Is told what comes next.

    Raises
    ------
    TrackingError
        MLflow does not answer.
    """
    awaited.look(at_last=True)
    found = [parcel for place in folders or spool.places() for parcel in spool.parcels(place)]
    if not found:
        return []
    with store.briefly():
        work = _Work(store.client(), anyway, on_step)
        with ExitStack() as locks:
            return work.all(found, locks)


@dataclass
class _Work:
    client: MlflowClient
    anyway: bool
    on_step: Callable[[str], None]
    made: dict[str, str] = field(default_factory=dict)  # ticket → run
    told: dict[str, Resumed] = field(default_factory=dict)

    def all(self, found: Sequence[Parcel], locks: ExitStack) -> list[Resumed]:
        mine = [held for parcel in found if (held := self._taken(parcel, locks))]
        superseded = {held.parcel.content.get("answers") for held in mine}
        touched: list[Mapping[str, Any]] = []
        for number, held in enumerate(mine, start=1):
            content = held.parcel.content
            if content["kind"] == "run":
                continue
            self.on_step(f"{number} of {len(mine)}: {content['kind']} {held.parcel.id}")
            if held.parcel.id in superseded:
                self._done(held, DROPPED, "its evaluation is kept too")
            elif self._try(held, partial(self._deliver, held), DELIVERED):
                touched.append(content)
        runs = [held for held in mine if held.parcel.content["kind"] == "run"]
        for held in runs:
            self._end(held)
        ours = {_key(held.parcel.content["run"]) for held in runs}
        for delivered in touched:
            if _key(delivered["run"]) not in ours:
                with store.reaching():
                    self._end_of_others(delivered)
        waiting = {told.run_id for told in self.told.values() if told.is_left}
        forget_kept({told.run_id for told in self.told.values()} - waiting)
        return [self.told[parcel.id] for parcel in found if parcel.id in self.told]

    def _taken(self, parcel: Parcel, locks: ExitStack) -> Held | None:
        """Return a parcel that can be delivered; else say what is with it."""
        time.sleep(min(parcel.still_new_s, spool.LOCKED_WITHIN_S))
        held = locks.enter_context(spool.taking(parcel))
        if not parcel.folder.exists():  # another process has just delivered it
            return None
        told = self.told[parcel.id] = _looked(parcel, held)
        if held and told.state == UNFINISHED:
            held.remove()
        if told.state == ELSEWHERE and self.anyway:
            told = self.told[parcel.id] = replace(told, state=WAITING, detail="")
        return held if held and told.state == WAITING else None

    def _try(self, held: Held, act: Callable[[], object], state: str, detail: str = "") -> bool:
        try:
            act()
        except Exception as error:  # every store fails in its own way
            why = str(store.failure(error))
            if deleted := DELETED.search(why):
                which, name = deleted.groups()
                why += f" Restore it: mlflow {which}s restore --{which}-id {name}"
            self.told[held.parcel.id] = replace(self.told[held.parcel.id], state=WAITING, detail=why)
            return False
        self._done(held, state, detail)
        return True

    def _done(self, held: Held, state: str, detail: str = "") -> None:
        address = held.parcel.content["run"]
        run_id = address.get("id") or self.made.get(_key(address), "")
        self.told[held.parcel.id] = replace(self.told[held.parcel.id], state=state, detail=detail, run_id=run_id)
        held.remove()

    def _deliver(self, held: Held) -> None:
        run_id = self.run_of(held.parcel.content["run"])
        with store.briefly(held.parcel.n_bytes):
            if held.parcel.content["kind"] == "delivery":
                delivery.perform(self.client, held.parcel, run_id, again=True)
                return
            of = held.parcel.content["by_mlflow"]
            writer.log_evaluation(
                kept_answers.evaluation_of(held.parcel), run_id, data=False, answers=held, again=True,
                by_mlflow=delivery.OfModel(**of) if of else None,
            )  # fmt: skip

    def run_of(self, address: Mapping[str, Any]) -> str:
        """Return the run of a parcel; it is made where there is none."""
        if "id" in address:
            return str(address["id"])
        recipe: dict[str, Any] = address["create"]
        ticket = recipe["ticket"]
        if ticket not in self.made:
            if recipe["parent"]:
                self.run_of(recipe["parent"])
            with store.alone("resume"):  # two at once would both make it
                self.made[ticket] = self._made_before(recipe) or self._make(recipe)
        return self.made[ticket]

    def _made_before(self, recipe: Mapping[str, Any]) -> str | None:
        experiment_id = self._experiment(recipe)
        for key, value in filter(None, [(names.TAG_DELIVERY, recipe["ticket"]), recipe.get("same")]):
            runs = self.client.search_runs([experiment_id], f"tags.`{key}` = '{value}'", max_results=1)
            if runs:
                return str(runs[0].info.run_id)
        return None

    def _make(self, recipe: Mapping[str, Any]) -> str:
        tags = {**recipe["tags"], names.TAG_DELIVERY: recipe["ticket"]}
        if recipe["parent"]:
            tags[MLFLOW_PARENT_RUN_ID] = self.run_of(recipe["parent"])
        run = self.client.create_run(
            self._experiment(recipe), start_time=recipe["start_time"], tags=tags, run_name=recipe["name"]
        )
        return str(run.info.run_id)

    def _experiment(self, recipe: Mapping[str, Any]) -> str:
        if recipe["experiment_id"]:
            return str(recipe["experiment_id"])
        if not recipe["experiment"]:
            return str(fluent._get_experiment_id())
        found = self.client.get_experiment_by_name(recipe["experiment"])
        return str(found.experiment_id if found else self.client.create_experiment(recipe["experiment"]))

    def _end(self, held: Held) -> None:
        """Give a run that we opened its end: as its process said, else by whether anything has arrived."""
        content = held.parcel.content
        key = _key(content["run"])
        left = [
            told for told in self.told.values() if told.kind != "run" and told.is_left and told.id != held.parcel.id
        ]
        if any(_key(spool.read(Path(told.folder)).get("run", {})) == key for told in left):
            waiting = "something of this run is still to be delivered"
            self.told[held.parcel.id] = replace(self.told[held.parcel.id], state=WAITING, detail=waiting)
            return

        def act() -> None:
            if content.get("stopped") and "create" in content["run"] and key not in self.made:
                if not (made := self._made_before(content["run"]["create"])):
                    return  # its user stopped it before MLflow had made it
                self.made[key] = made
            run = self.client.get_run(self.run_of(content["run"]))
            whole = names.TAG_KIND in run.data.tags
            status = content.get("status") or ("FINISHED" if whole else "FAILED")
            if run.info.status == "RUNNING" or run.info.status == content.get("instead"):
                self.client.set_terminated(run.info.run_id, status, content.get("ended"))

        self._try(held, act, ENDED)

    def _end_of_others(self, content: Mapping[str, Any]) -> None:
        """End a run that its user opened and could not end, as MLflow would have; or one that nobody holds open."""
        run = self.client.get_run(self.run_of(content["run"]))
        made_here = content["run"].get("create", {}).get("end")
        if run.info.status == "RUNNING" and (made_here or spool.is_gone(content["owner"])):
            self.client.set_terminated(run.info.run_id, made_here or "FAILED")


def _look(parcel: Parcel) -> Resumed:
    """Say what a parcel is, and whether it can be delivered."""
    if parcel.still_new_s:
        return _looked(parcel, None)
    with spool.taking(parcel) as held:
        return _looked(parcel, held)


def _looked(parcel: Parcel, held: Held | None) -> Resumed:
    content = held.parcel.content if held else parcel.content
    run_id = content.get("run", {}).get("id", "")
    told = Resumed(
        parcel.id, content.get("kind", ""), run_id, content.get("created", 0), parcel.n_bytes, WAITING,
        str(parcel.folder), content.get("error", ""),
    )  # fmt: skip
    here = store.address()
    if held is None and not os.access(parcel.folder, os.R_OK | os.W_OK):
        return replace(told, state=DAMAGED, detail="it cannot be opened: is it another user's?")
    if held is None:
        return replace(told, state=ALIVE, detail="a process works on it")
    if not content and (parcel.folder / spool.CONTENT).exists():
        why = "its delivery.json is damaged, or another version of mlflow-evalplus wrote it"
        return replace(told, state=DAMAGED, detail=why)
    if not content:
        return replace(told, state=UNFINISHED, detail="its process was stopped as it wrote or removed it")
    if content["kind"] == "run" and "ended" not in content and not spool.is_gone(content["owner"], free=True):
        return replace(told, state=ALIVE, detail="its run is open")
    if content["tracking_uri"].rstrip("/") != here.rstrip("/"):
        why = f"it is for {content['tracking_uri']}, not {here}:"
        return replace(told, state=ELSEWHERE, detail=f"{why} set MLFLOW_TRACKING_URI, or log it here with --anyway")
    return told


def _key(address: Mapping[str, Any]) -> str:
    return str(address.get("id") or address.get("create", {}).get("ticket", ""))
