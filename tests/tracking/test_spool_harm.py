"""What lies in a spool may be of others, changed by hand, or no spool at all; processes stop at any time."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest

from mlflow_evalplus.tracking import delivery, resume, spool, store, writer
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import known
from mlflow_evalplus.tracking.items import Page
from tests.tracking.test_spool import HERE, away, refusing_artifacts

LONG_AGO = "20260101T000000.000000-0000aa"


def put(content: Any, name: str = LONG_AGO) -> Path:
    folder = HERE / name
    folder.mkdir(parents=True)
    (folder / spool.CONTENT).write_text(json.dumps(content))
    return folder


def whole(**changes: Any) -> dict[str, Any]:
    """Return the content of a parcel as it is kept, with changes by hand."""
    what = delivery.write(Delivery(params={"p": "1"}), HERE / LONG_AGO)
    address = {"id": mlflow.MlflowClient().create_run("0").info.run_id}
    about = {"version": 1, "kind": "delivery", "created": 0, "owner": "-", "tracking_uri": store.address()}
    return {**about, "run": address, **what, **changes}


@pytest.fixture
def kept(store: str) -> dict[str, Any]:
    (HERE / LONG_AGO).mkdir(parents=True)
    content = whole()
    for file in (HERE / LONG_AGO).iterdir():
        file.rmdir()
    (HERE / LONG_AGO).rmdir()
    return content


def test_a_folder_that_is_no_spool_stays_as_it_is(store: str, tmp_path: Path) -> None:
    mine = tmp_path / "home" / "Documents" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    os.utime(mine.parent, (0, 0))
    assert resume.kept([tmp_path / "home"]) == resume.resume([tmp_path / "home"]) == []
    assert list((tmp_path / "home").rglob("*")) == [mine.parent, mine]


def test_a_folder_that_the_user_has_made_for_it_is_not_removed(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "volume").mkdir()
    monkeypatch.setenv(spool.VARIABLE, str(tmp_path / "volume"))
    spool.pack("run", lambda folder: {"run": {}}).remove()
    assert list((tmp_path / "volume").iterdir()) == []


def test_what_was_changed_by_hand_is_damaged_and_holds_nothing_else_up(kept: dict[str, Any]) -> None:
    changes: list[dict[str, Any]] = [
        {"version": 2}, {"kind": "other"}, {"kind": 1}, {"owner": None}, {"tracking_uri": 3}, {"created": "then"},
        {"run": []}, {"run": {"id": 7}}, {"run": {"create": "one"}},
    ]  # fmt: skip
    found = [{**kept, **change} for change in changes]
    found += [{key: value for key, value in kept.items() if key != left} for left in kept]
    for number, content in enumerate([*found, [kept], {"version": 1}]):
        put(content, f"20260101T000000.000000-{number:06x}")
    put({**kept, "metrics": [1]}, "20260101T000000.000000-0000fe")
    put(kept, "20260101T000000.000000-0000ff")
    *damaged, strange, good = (one.state for one in resume.resume())
    assert set(damaged) == {"damaged"}
    assert (strange, good) == ("waiting", "delivered")
    assert mlflow.get_run(kept["run"]["id"]).data.params == {"p": "1"}


def test_parcels_of_another_user_are_passed_over(kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever may write into the temporary folder has files of ours logged, by links among the artifacts."""
    folder = put(kept)
    assert len(spool.parcels(HERE.absolute())) == 1
    if os.getuid():
        monkeypatch.setattr(os, "getuid", lambda: 4321)
    else:
        os.chown(folder, 4321, 4321)
    assert spool.parcels(HERE.absolute()) == []
    if not os.getuid():
        os.chown(HERE, 4321, 4321)
    with spool.pack("run", lambda folder: {"run": {}}) as held:
        assert held.parcel.folder.parent != HERE.absolute()
        held.remove()


def test_one_database_is_not_another_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        mlflow.set_tracking_uri("sqlite:///mlflow.db?timeout=9")
        found.add(store.address())
    assert found == {f"sqlite:///{tmp_path}/{name}/mlflow.db?timeout=9" for name in ("one", "two")}


def test_a_parcel_that_has_just_been_delivered_is_not_made_anew(kept: dict[str, Any]) -> None:
    folder = put(kept)
    [parcel] = spool.parcels(HERE)
    spool.pack("run", lambda folder: {"run": {}})  # so that the place itself stays
    with spool.taking(parcel) as held:
        assert held
        held.remove()
    with spool.taking(parcel) as held:
        assert held is None
    assert not folder.exists()


def test_a_run_of_which_everything_has_arrived_by_now_ends_well(store: str) -> None:
    """What was kept of it once does not stick to it."""
    with mlflow.start_run() as run, refusing_artifacts(run), pytest.raises(spool.NotLogged):
        writer.send(known(run), Delivery([Page("a.md", "text")]))
    resume.resume()
    with writer.run(run_id=run.info.run_id) as again:
        writer.send(again, Delivery(metrics={"a": 1.0}))
    assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"
    assert not HERE.exists()


@pytest.mark.parametrize("after", [True, False])
def test_a_run_is_ended_though_it_was_stopped_while_mlflow_made_it(
    store: str, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    real = mlflow.MlflowClient.create_run

    def stopped(*given: Any, **more: Any) -> None:
        if after:
            real(*given, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "create_run", stopped)
        with pytest.raises(KeyboardInterrupt), writer.run("one"):
            pass
    assert [one.state for one in resume.resume()] == ["ended"]
    assert [run.info.status for run in mlflow.search_runs(output_format="list")] == ["FAILED"] * after
    assert not HERE.exists()


def test_two_who_resume_at_once_make_a_run_once(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(store), pytest.raises(spool.NotLogged), writer.run("one") as run:
        writer.send(run, Delivery(metrics={"a": 1.0}))
    address = spool.read(next(HERE.glob(f"*/{spool.CONTENT}")).parent)["run"]
    real = mlflow.MlflowClient.create_run

    def slow(*given: Any, **more: Any) -> Any:
        time.sleep(0.3)
        return real(*given, **more)

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", slow)
    found: list[str] = []

    def make() -> None:
        work = resume._Work(mlflow.MlflowClient(), True, lambda step: None)
        found.append(work.run_of(address))

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]


def test_half_a_character_in_a_name_is_no_reason_to_lose_anything(store: str) -> None:
    held = spool.pack("run", lambda folder: {"run": {"create": {"name": "late \ud83d"}}})
    assert spool.read(held.parcel.folder)["run"]["create"]["name"] == "late \ud83d"
