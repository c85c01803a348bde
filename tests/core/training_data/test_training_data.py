"""Versions of the training data: append-only, digests, provenance, and no test text ever in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.training_data import files
from mlflow_evalplus.core.training_data.contamination import contaminated
from mlflow_evalplus.core.training_data.keys import strict_key, weight_of
from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.results import AcceptedCase, Adjudication
from tests.core.training_data.sneaking import MESSAGES, WAYS, of_words

FIRST = pd.DataFrame({"text": ["late again", "very good", "so so"], "label": ["negative", "positive", "neutral"]})


def frame(*rows: tuple[str, str], **columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"text": [t for t, _ in rows], "label": [y for _, y in rows], **columns})


def created(folder: Path, first: pd.DataFrame = FIRST, **options: Any) -> ep.TrainingData:
    return ep.TrainingData.create(folder, first, **{"text": "text", "label": "label", "source": "first.csv", **options})


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def texts(data: ep.TrainingData, part: str = "train", version: int | None = None) -> list[str]:
    return data.rows(version, part)["text"].tolist()  # type: ignore[no-any-return]


def test_rows_come_back_with_where_they_are_from(tmp_path: Path) -> None:
    data = created(tmp_path / "a" / "b", FIRST.assign(n=[1, None, 3]), at="2026-07-01")
    data.add(frame(("new", "neutral")), source="july.csv", at="2026-08-01T12:00:00+02:00")
    rows = ep.TrainingData.open(tmp_path / "a" / "b").rows()
    assert rows["text"].tolist() == ["late again", "very good", "so so", "new"]
    assert rows["label"].tolist() == ["negative", "positive", "neutral", "neutral"]
    assert rows["n"].fillna(-1).tolist() == [1, -1, 3, -1]
    assert list(rows.columns) == ["text", "label", "n", *names.TRAINING_COLUMNS]
    assert rows["evalplus.row_id"].tolist() == ["1-1", "1-2", "1-3", "2-1"]
    assert rows.iloc[-1][list(names.TRAINING_COLUMNS)[1:]].tolist() == [
        2, "train", "imported", "july.csv", "2026-08-01T10:00:00Z",
    ]  # fmt: skip
    assert data.rows(version=1)["text"].tolist() == FIRST["text"].tolist()


def test_nothing_that_was_written_is_ever_changed(tmp_path: Path) -> None:
    data = created(tmp_path, test=frame(("a test", "neutral")))
    for number in range(3):
        before = bytes_of(tmp_path)
        data.add(frame((f"new {number}", "neutral"), ("late again", ["positive", "negative"][number % 2])), source="x")
        after = bytes_of(tmp_path)
        assert after.pop("versions.jsonl").startswith(before.pop("versions.jsonl"))
        assert before.items() <= after.items()
        assert len(after) == len(before) + 1
    assert [version.parent for version in data.versions][1:] == [version.digest for version in data.versions][:-1]
    assert data.verify() == ()


def test_adding_the_same_rows_twice_adds_nothing_and_says_so(tmp_path: Path) -> None:
    data = created(tmp_path)
    more = frame(("new", "neutral"), ("LATE  again", "negative"))
    assert (data.add(more, source="x").n_added, data.newest.n_known) == (1, 1)
    before = bytes_of(tmp_path)
    again = data.add(more, source="y")
    assert (again.number, again.n_added, again.n_known, again.changed) == (2, 0, 2, False)
    assert again.sentence == "Nothing changed; 2 already there; the newest version is still 2."
    assert bytes_of(tmp_path) == before


def test_a_newer_label_wins_and_the_old_row_stays_on_record(tmp_path: Path) -> None:
    data = created(tmp_path)
    version = data.add(frame(("Very good", "negative"), ("twice", "neutral"), ("twice", "positive")), source="x")
    assert (version.n_added, version.n_retired, version.refused) == (2, 1, {"conflicting_label": 1})
    now = data.rows().set_index("text")["label"]
    assert now.to_dict() == {
        "late again": "negative", "so so": "neutral", "Very good": "negative", "twice": "positive",
    }  # fmt: skip
    assert data.rows(version=1)["label"].tolist() == FIRST["label"].tolist()
    retired = json.loads((tmp_path / "versions.jsonl").read_text().splitlines()[1])["retired"]
    assert retired == [{"reason": "relabelled", "rows": ["1-2"]}]


def test_old_rows_retire_by_their_own_date_else_by_that_of_their_version(tmp_path: Path) -> None:
    data = created(tmp_path, FIRST.assign(month=["2026-01", "2026-06", None]), time="month", at="2026-03-01")
    assert data.retire(before="2026-01-01").changed is False
    version = data.retire(before="2026-02", note="old phrases")
    assert (version.n_retired, version.n_rows, version.note) == (1, 2, "old phrases")
    assert texts(data) == ["very good", "so so"]
    assert data.retire(before="2026-04-01", column="month").n_rows == 1
    assert texts(data) == ["very good"]
    with pytest.raises(DataError, match="no row would be left"):
        data.retire(before="2030-01-01")
    with pytest.raises(DataError, match="before is 'soon', which is no date"):
        data.retire(before="soon")
    with pytest.raises(DataError, match="'label' of row 1-2 is 'positive', which is no date"):
        data.retire(before="2030-01-01", column="label")
    with pytest.raises(ColumnNotFound, match="Did you mean 'month'"):
        data.retire(before="2030-01-01", column="mont")
    assert len(data.versions) == 3
    assert data.verify() == ()


def test_numbers_of_years_and_days_are_dates(tmp_path: Path) -> None:
    data = created(tmp_path, FIRST.assign(year=[2024, None, 2026], day=[20240101, 20250101, 20260101]))
    assert data.retire(before="2025-06-01", column="year").n_retired == 1
    assert data.retire(before="2025-06-01", column="day").n_retired == 1
    assert texts(data) == ["so so"]


# Messages that no other message is like.
REST = contaminated(MESSAGES["text"][:40], MESSAGES["text"][40:])
HONEST = [text for text, reason in zip(MESSAGES["text"][:40], REST, strict=True) if not reason]


def messages_for(way: str) -> st.SearchStrategy[list[str]]:
    _, least, words = WAYS[way]
    fit = [t for t in MESSAGES["text"] if weight_of(strict_key(t)) >= least and of_words(t) >= words]
    return st.lists(st.sampled_from(fit), min_size=1, max_size=4, unique=True)


@settings(max_examples=7, deadline=None)
@given(st.data(), st.booleans())
def test_no_test_text_can_be_sneaked_in_and_no_honest_row_is_lost(data: st.DataObject, at_once: bool) -> None:
    rng = Random(data.draw(st.integers(0, 10**6)))
    tests, tried = list[str](), list[str]()
    for way in data.draw(st.lists(st.sampled_from(sorted(WAYS)), min_size=1, max_size=4)):
        chosen = data.draw(messages_for(way))
        tests += chosen
        tried += [WAYS[way][0](text, rng) for text in chosen]
    honest = [text for text, bad in zip(HONEST, contaminated(HONEST, tests), strict=True) if not bad]
    rows = frame(*((text, "neutral") for text in [*tried, *honest]))
    named = frame(*((text, "positive") for text in tests))
    with TemporaryDirectory() as folder:
        if at_once:
            kept = created(Path(folder), rows, test=named)
        else:
            kept = created(Path(folder), test=named)
            kept.add(rows, source="x", held_out=0.3)
        assert set(texts(kept, "all")) == {*honest, *(() if at_once else FIRST["text"])}
        assert kept.newest.n_refused >= len(set(tried))


def test_tests_are_remembered_and_hold_for_rows_that_are_there(tmp_path: Path) -> None:
    data = created(tmp_path, FIRST)
    (tmp_path / "test.csv").write_text("text,label\nVERY good!!,positive\n")
    version = data.add(FIRST, source="x", test=[tmp_path / "test.csv", frame(("another test", "neutral"))])
    assert (version.n_retired, version.n_test_texts, version.n_added) == (1, 2, 0)
    assert texts(data) == ["late again", "so so"]
    assert data.add(frame(("very, good", "negative"), ("ANOTHER test", "neutral")), source="y").n_refused == 2
    assert data.add(frame(("new", "neutral")), source="z").n_test_texts == 2
    with pytest.raises(ColumnNotFound):
        data.add(FIRST, source="x", test=pd.DataFrame({"words": ["x"]}))


def test_rows_that_are_held_out_are_never_like_one_that_is_trained_on(tmp_path: Path) -> None:
    data = created(tmp_path, frame(*((t, "neutral") for t in MESSAGES["text"][:30])))
    rng, way = Random(3), WAYS["one word and dressed"][0]
    long = [t for t in MESSAGES["text"][20:160] if weight_of(strict_key(t)) >= 60 and of_words(t) >= 8]
    given = [*long, *(way(text, rng) for text in long)]
    version = data.add(frame(*((t, "neutral") for t in given)), source="x", held_out=0.4, seed=1)
    train, apart = texts(data), texts(data, "held_out")
    assert 10 < len(apart) == version.n_held_out
    assert sorted([*train, *apart]) == sorted(texts(data, "all"))
    assert contaminated(train, apart) == [""] * len(train)
    assert not set(apart) & set(MESSAGES["text"][:30])
    sneaked = data.add(frame(*((way(t, rng), "neutral") for t in apart)), source="y")
    assert (sneaked.changed, sneaked.n_refused) == (False, len(apart))
    relabelled = data.add(frame((apart[0], "positive")), source="z")
    assert (relabelled.n_added, relabelled.n_held_out) == (1, version.n_held_out)
    assert apart[0] in texts(data, "held_out")


def test_the_share_that_is_held_out_is_about_the_one_asked_for(tmp_path: Path) -> None:
    data = created(tmp_path, frame(*((t, "neutral") for t in MESSAGES["text"][:600])), held_out=0.25)
    assert data.newest.n_held_out == pytest.approx(150, abs=3 * np.sqrt(600 * 0.25 * 0.75))
    again = created(tmp_path / "again", frame(*((t, "neutral") for t in MESSAGES["text"][:600][::-1])), held_out=0.25)
    assert set(texts(again, "held_out")) == set(texts(data, "held_out"))


def test_an_adjudication_is_added_as_it_is(tmp_path: Path) -> None:
    data = created(tmp_path, pd.DataFrame({"message": ["a b"], "gold": ["x"], "channel": ["app"], "at": ["2026-01"]}),
                   text="message", label="gold", time="at")  # fmt: skip
    case = AcceptedCase("c1", "new one", "y", "adjudicated", {"a": "x", "b": "y"}, True, 2.0, 3, ("wrong",),
                        "x", "2026-07-02", {"channel": "web"})  # fmt: skip
    done = Adjudication(1, ("a", "b"), ("x", "y"), (case,), (), (), None, "All is settled.")
    for rows in (done, done.frame()):
        data.add(rows, source="run 1")
    row = data.rows().iloc[-1]
    assert (row["message"], row["gold"], row["channel"], row["at"]) == ("new one", "y", "web", "2026-07-02")
    assert (row["evalplus.how"], row["evalplus.source"], len(data.versions)) == ("adjudicated", "run 1", 2)
    nothing = Adjudication(0, (), (), (), (), (), None, "")
    assert data.add(nothing, source="run 2").changed is False


@pytest.mark.parametrize("make", [pl.DataFrame, lambda rows: pl.DataFrame(rows).lazy(), lambda rows: rows])
def test_any_data_frame_is_taken_and_labels_are_texts(tmp_path: Path, make: Any) -> None:
    rows = pd.DataFrame({"text": ["a", "b"], "label": [1, 0], "day": pd.to_datetime(["2026-01-01", "2026-01-02"])})
    found = created(tmp_path, make(rows)).rows()
    assert found["label"].tolist() == ["1", "0"]
    assert found["day"].tolist() == ["2026-01-01T00:00:00", "2026-01-02T00:00:00"]


HOSTILE = [
    "<script>alert(1)</script>",
    "a\x00b",
    "\u202egnp",
    "=1+1",
    "line\r\nbreak\u2028x",
    "'\"\\",
    "🙂",
    "x" * 100_000,
]


def test_hostile_texts_come_back_as_they_are(tmp_path: Path) -> None:
    data = created(tmp_path, frame(*((t, t) for t in HOSTILE), **{"a\n</script>": HOSTILE}), note="\u202e</script>")
    assert data.rows()[["text", "label", "a\n</script>"]].to_numpy().tolist() == [[t] * 3 for t in HOSTILE]
    assert data.verify() == ()


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (frame(("a", "x"), (None, "y")), r"1 of 2 rows have no 'text' \(rows \[1\], from 0\)"),  # type: ignore[arg-type]
        (frame(("a", None)), "have no 'label'"),  # type: ignore[arg-type]
        (frame(("a", "x"), extra=[[1, 2]]), "column 'extra' cannot be written down: it holds a list"),
        (frame(("a", "x"), extra=[float("inf")]), "infinite"),
        (frame(("a", "x"), extra=pd.Series(["\ud800"], dtype=object)), "'extra' cannot be written down"),  # type: ignore[arg-type]
        (pd.DataFrame({"txt": ["a"], "label": ["x"]}), "Did you mean 'txt'"),
        (FIRST.iloc[:0], "no row would be left to train on"),
        ([1, 2], "list is not a data frame"),
    ],
)
def test_rows_that_cannot_be_kept_are_named_and_nothing_is_written(tmp_path: Path, rows: Any, error: str) -> None:
    with pytest.raises(DataError, match=error):
        created(tmp_path / "new", rows)
    assert not (tmp_path / "new" / "versions.jsonl").exists()


def test_what_is_wrong_with_a_call_is_said(tmp_path: Path) -> None:
    data = created(tmp_path / "data")
    with pytest.raises(DataError, match="holds training data already"):
        created(tmp_path / "data")
    with pytest.raises(DataError, match=r"no versions\.jsonl.*there is no such folder.*--create FILE"):
        ep.TrainingData.open(tmp_path / "none")
    with pytest.raises(DataError, match=r"there is no version 2 in .*; versions are 1 to 1"):
        data.rows(2)
    with pytest.raises(DataError, match="part is 'test'; it is one of"):
        data.rows(part="test")
    with pytest.raises(DataError, match="held_out is 1; give the share"):
        data.add(FIRST, source="x", held_out=1)
    with pytest.raises(DataError, match="no row would be left to train on: 3 rows are refused"):
        created(tmp_path / "all", test=FIRST)
    with pytest.raises(ColumnNotFound, match="column 'when' is not in the data"):
        created(tmp_path / "when", time="when")


def changed(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")


def test_every_change_to_a_file_is_found_and_named(tmp_path: Path) -> None:
    data = created(tmp_path, test=frame(("a test", "neutral")), note="one")
    data.add(frame(("new", "neutral")), source="x")
    data.add(frame(("newer", "neutral")), source="y")
    sound = bytes_of(tmp_path)
    for name, old, new, said in (
        ("rows-0002.jsonl", "new", "old", ["rows-0002.jsonl was changed after its version was made"]),
        ("tests-0001.jsonl", "a test", "a nest", ["tests-0001.jsonl was changed after its version was made"]),
        (
            "versions.jsonl",
            '"note": "one"',
            '"note": "two"',
            ["versions.jsonl: line 1 was changed after version 1 was made"],
        ),
    ):
        changed(tmp_path, name, old, new)
        assert list(data.verify()) == said
        (tmp_path / name).write_bytes(sound[name])
    (tmp_path / "rows-0003.jsonl").unlink()
    assert data.verify() == ("rows-0003.jsonl is missing",)
    with pytest.raises(DataError, match=r"rows-0003\.jsonl is missing; the training data of .* cannot be trusted"):
        data.rows()
    assert len(data.rows(version=2)) == 4
    (tmp_path / "rows-0003.jsonl").write_bytes(sound["rows-0003.jsonl"])
    lines = sound["versions.jsonl"].splitlines(keepends=True)
    (tmp_path / "versions.jsonl").write_bytes(b"".join(lines[:2]))
    assert "rows-0003.jsonl belongs to no version" in data.verify()[0]
    forged = json.loads(lines[1])
    forged["note"] = "forged"
    forged["digest"] = files.digest_of(forged)
    (tmp_path / "versions.jsonl").write_bytes(lines[0] + json.dumps(forged).encode() + b"\n" + lines[2])
    assert data.verify() == ("versions.jsonl: version 3 does not follow from the line before it",)


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", "is empty"), (b"{", "line 1 is not JSON"), (b'{"version": 2}\n', "line 1 is not version 1")],
)
def test_a_damaged_list_of_versions_is_refused(tmp_path: Path, content: bytes, error: str) -> None:
    (tmp_path / "versions.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=error):
        ep.TrainingData.open(tmp_path)


def test_a_release_that_is_too_old_says_so(tmp_path: Path) -> None:
    created(tmp_path)
    changed(tmp_path, "versions.jsonl", '"schema_version": 1', '"schema_version": 99')
    with pytest.raises(DataError, match="schema version 99; this release reads 1"):
        ep.TrainingData.open(tmp_path)


def test_a_failure_between_the_files_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = created(tmp_path)
    before = bytes_of(tmp_path)
    write = files._replace

    def failing(path: Path, rows: Iterable[files.Line]) -> str:
        if path.name == "versions.jsonl":
            raise OSError(28, "No space left on device")
        return write(path, rows)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_replace", failing)
        with pytest.raises(OSError, match="No space"):
            data.add(frame(("new", "neutral")), source="x")
    assert before.items() <= bytes_of(tmp_path).items()
    assert len(ep.TrainingData.open(tmp_path).rows()) == 3
    assert "rows-0002.jsonl belongs to no version" in data.verify()[0]
    assert data.add(frame(("other", "neutral")), source="x").number == 2
    assert texts(data) == [*FIRST["text"], "other"]
    assert data.verify() == ()


def test_what_a_crash_leaves_is_cleared_and_what_none_can_leave_is_not(tmp_path: Path) -> None:
    data = created(tmp_path)
    for name in ("tests-0002.jsonl", ".rows-0002.jsonl.0.part"):
        (tmp_path / name).write_text("half")
    assert data.add(frame(("new", "neutral")), source="x").changed
    aside = next(tmp_path.glob("of-no-version-tests-0002-*.jsonl"))
    assert aside.read_text() == "half"
    assert set(bytes_of(tmp_path)) == {"versions.jsonl", "rows-0001.jsonl", "rows-0002.jsonl", aside.name}
    data.add(frame(("newer", "neutral")), source="x")
    (tmp_path / "versions.jsonl").unlink()
    with pytest.raises(DataError, match=r"holds \['rows-0002.jsonl', .*lists only 0 versions; restore versions\.jsonl"):
        created(tmp_path)
    assert {"rows-0001.jsonl", "rows-0002.jsonl", "rows-0003.jsonl", aside.name} == set(bytes_of(tmp_path))


# Adds a row to the folder of its first argument; stops after the rows are written, before the version is.
KILLED = """
import sys, time
import pandas as pd
from mlflow_evalplus.core.training_data import files
from mlflow_evalplus.core.training_data.training_data import TrainingData
write = files._replace
def slow(path, rows):
    if path.name == "versions.jsonl":
        print("written", flush=True)
        time.sleep(60)
    return write(path, rows)
files._replace = slow
TrainingData.open(sys.argv[1]).add(pd.DataFrame({"text": ["half"], "label": ["neutral"]}), source="killed")
"""


@pytest.mark.slow
def test_a_process_that_is_killed_between_the_files_harms_nothing(tmp_path: Path) -> None:
    data = created(tmp_path)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        with pytest.raises(DataError, match=f"is being written by process {process.pid} on "):
            data.add(frame(("new", "neutral")), source="x")
        os.kill(process.pid, signal.SIGKILL)
    assert {"rows-0002.jsonl", ".lock"} <= set(bytes_of(tmp_path))
    assert texts(ep.TrainingData.open(tmp_path)) == FIRST["text"].tolist()
    assert data.add(frame(("new", "neutral")), source="x").number == 2
    assert texts(data) == [*FIRST["text"], "new"]
    sound = {name for name in bytes_of(tmp_path) if not name.startswith("of-no-version-rows-0002-")}
    assert sound == {"versions.jsonl", "rows-0001.jsonl", "rows-0002.jsonl"}
    assert data.verify() == ()


ADDS = """
import sys
import pandas as pd
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError
done = 0
while done < 8:
    try:
        rows = pd.DataFrame({"text": [f"{sys.argv[2]} number {chr(97 + done) * 5}"], "label": ["neutral"]})
        done += TrainingData.open(sys.argv[1]).add(rows, source=sys.argv[2]).changed
    except DataError as error:
        assert "being written" in str(error), error
"""


@pytest.mark.slow
def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    data = created(tmp_path)
    writers = ["one", "other", "third"]
    running = [subprocess.Popen([sys.executable, "-c", ADDS, str(tmp_path), name]) for name in writers]
    deadline = time.time() + 60
    assert [process.wait(max(deadline - time.time(), 1)) for process in running] == [0, 0, 0]
    assert data.verify() == ()
    assert len(ep.TrainingData.open(tmp_path).versions) == 25
    assert len(ep.TrainingData.open(tmp_path).rows()) == 27
