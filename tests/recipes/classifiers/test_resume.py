"""From which checkpoint a training goes on: the latest that is whole, and of the same training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.classifiers import resume
from tests.generated import inputs


def checkpoint(work: Path, step: int, best: int | None = None, *, sealed: bool = True) -> Path:
    folder = work / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights %d" % step)
    best_folder = str(work / f"checkpoint-{best}") if best else None
    (folder / resume.STATE).write_text(json.dumps({"global_step": step, "best_model_checkpoint": best_folder}))
    if sealed:
        resume.seal(folder)
    return folder


def test_the_latest_is_that_of_the_highest_step(tmp_path: Path) -> None:
    for step in (9, 100, 20):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-new").mkdir()
    assert resume.latest(tmp_path) == tmp_path / "checkpoint-100"
    assert resume.latest(tmp_path / "none") is None


def test_one_that_was_not_sealed_is_left_out_and_removed(tmp_path: Path) -> None:
    before, half = checkpoint(tmp_path, 1), checkpoint(tmp_path, 2, sealed=False)
    assert resume.latest(tmp_path) == before
    assert not half.exists()


@settings(max_examples=inputs(40), deadline=None)
@given(st.data())
def test_damage_of_any_kind_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    work = tmp_path_factory.mktemp("work")
    before, last = checkpoint(work, 1), checkpoint(work, 2)
    path = data.draw(st.sampled_from(sorted(last.iterdir())))
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["cut", "gone", "flipped"]))
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(content[:cut])
    else:
        path.write_bytes(content[:cut] + bytes([content[cut] ^ 1]) + content[cut + 1 :])
    assert resume.latest(work) == before


def test_one_whose_best_is_damaged_is_of_no_use(tmp_path: Path) -> None:
    first, best = checkpoint(tmp_path, 1), checkpoint(tmp_path, 2, best=2)
    checkpoint(tmp_path, 3, best=2)
    assert resume.latest(tmp_path) == tmp_path / "checkpoint-3"
    (best / "model.safetensors").write_bytes(b"")
    assert resume.latest(tmp_path) == first


def test_only_those_that_are_asked_for_are_kept(tmp_path: Path) -> None:
    one, two, three = (checkpoint(tmp_path, step) for step in (1, 2, 3))
    resume.keep(tmp_path, one, three)
    assert [path.exists() for path in (one, two, three)] == [True, False, True]


def test_a_training_goes_on_with_the_threads_with_which_it_began(tmp_path: Path) -> None:
    plan = {"rows": "1234", "settings": {"epochs": 3}}
    assert resume.planned(tmp_path, plan, 2) == 2
    kept = checkpoint(tmp_path, 1)
    assert resume.planned(tmp_path, plan, 1) == 2
    assert kept.exists()
    assert resume.planned(tmp_path, {**plan, "rows": "5678"}, 1) == 1
    assert not kept.exists()


def test_the_digest_tells_rows_apart_that_read_alike_when_joined() -> None:
    assert resume.digest([["a", "b"], []]) != resume.digest([["ab"], []])
    assert resume.digest([["a"], ["b"]]) != resume.digest([["a", "b"]])
    assert resume.digest([["\ud800"]]) != resume.digest([["?"]])
