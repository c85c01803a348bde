from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results import Estimate, Outcome
from mlflow_evalplus.results.evidence import Evidence, EvidenceSlice
from mlflow_evalplus.tracking import evidence_record

NAN = float("nan")


def ab(lower: float, upper: float) -> Evidence:
    difference = Estimate((lower + upper) / 2, lower, upper, 9000)
    slices = (EvidenceSlice(("channel",), ("app",), {"ab_difference": difference}),)
    return Evidence("ab", {"ab_difference": difference}, slices, ("a note",), "B is <b>better</b>")


def logged(frame: pd.DataFrame, requirements: dict | None = None) -> str:
    with mlflow.start_run(run_name="words") as run:
        ep.log(ep.evaluate(frame, slices=["channel"], requirements=requirements))
    return str(run.info.run_id)


def text_of(run_id: str, name: str) -> str:
    return Path(download_artifacts(run_id=run_id, artifact_path=name)).read_text(encoding="utf-8")


def test_what_was_logged_is_loaded_and_the_same_kind_is_replaced(store: str, frame: pd.DataFrame) -> None:
    run_id = logged(frame)
    rows = [(r, e, (r + e) % 3) for r in range(3) for e in range(20)]
    rated = ep.ratings(pd.DataFrame(rows, columns=["rater", "example", "rating"]))
    assert ep.load(run_id, predictions=False).evidence == ()
    ep.log_evidence(ab(-0.1, 0.1), run_id)
    ep.log_evidence(rated, run_id)
    assert ep.log_evidence(ab(0.01, 0.03), run_id).verdict is None
    loaded = ep.load(run_id, predictions=False).evidence
    assert repr(loaded) == repr((ab(0.01, 0.03), rated.evidence))
    content = json.loads(text_of(run_id, names.EVIDENCE), parse_constant=lambda constant: pytest.fail(constant))
    assert set(content["evidence"]) == {"ab", "ratings"}
    page = text_of(run_id, names.EVIDENCE_PAGE)
    assert page.startswith("#### words\n")
    assert "B is &lt;b&gt;better" in page
    assert "Human ratings" in page
    table = json.loads(text_of(run_id, names.RATINGS_TABLE))
    assert table["columns"] == list(names.EVIDENCE_COLUMNS)
    run = mlflow.get_run(run_id)
    assert run.data.metrics["online/ab_difference_lower"] == 0.01
    assert run.data.metrics["human/rating_mean"] == rated.overall.means[""].value
    tables = {entry["path"] for entry in json.loads(run.data.tags["mlflow.loggedArtifacts"])}
    assert {names.AB_TABLE, names.RATINGS_TABLE, names.CONFUSION_TABLE} <= tables


def test_the_verdict_is_renewed_everywhere_where_a_requirement_names_it(store: str, frame: pd.DataFrame) -> None:
    gates = [{"metric": "ab_difference", "min": 0}, {"metric": "ab_difference", "every": "channel", "min": -0.01}]
    run_id = logged(frame, {"slices": ["channel"], "thresholds": gates})
    assert mlflow.get_run(run_id).data.tags[names.TAG_VERDICT] == "undecided"
    for evidence, outcome, mark in (
        (ab(0.01, 0.03), Outcome.PASS, "✔ pass"),
        (ab(NAN, NAN), Outcome.UNDECIDED, "? undecided"),
        (ab(-0.3, -0.1), Outcome.FAIL, "✘ fail"),
    ):
        done = ep.log_evidence(evidence, run_id)
        assert done.verdict is outcome
        tags = mlflow.get_run(run_id).data.tags
        assert tags[names.TAG_VERDICT] == outcome.value
        assert tags["mlflow.note.content"].startswith(f"## {mark}")
        assert f"## {mark}" in text_of(run_id, names.SUMMARY)
        assert mark in text_of(run_id, names.REPORT)
        loaded = ep.load(run_id)
        assert loaded.verdict.outcome is outcome
        assert len(loaded.predictions) == len(frame)
        assert ep.decide(loaded).outcome is outcome


@pytest.mark.slow
def test_a_renewed_verdict_still_knows_its_baseline(store: str, frame: pd.DataFrame) -> None:
    from mlflow_evalplus.tracking.recorded import record_baseline
    from mlflow_evalplus.tracking.series import compare_runs

    gates = [
        {"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.02},
        {"metric": "ab_difference", "min": 0},
    ]
    with_id = frame.assign(example_id=range(len(frame)))
    runs = [logged(with_id, {"slices": ["channel"], "thresholds": gates}) for _ in range(2)]
    record_baseline(compare_runs([mlflow.get_run(run_id) for run_id in runs]))
    assert ep.log_evidence(ab(0.01, 0.03), runs[1]).verdict is Outcome.PASS
    assert ep.log_evidence(ab(0.01, 0.03), runs[0]).verdict is Outcome.UNDECIDED  # there is nothing to compare it with
    assert ep.log_evidence(ab(-0.03, -0.01), runs[0]).verdict is Outcome.FAIL


def test_evidence_goes_on_a_run_that_was_evaluated_only(store: str) -> None:
    with mlflow.start_run() as run:
        pass
    with pytest.raises(TrackingError, match="evaluate the model first"):
        ep.log_evidence(ab(0, 1), run.info.run_id)
    with pytest.raises(TrackingError, match="answered"):
        ep.log_evidence(ab(0, 1), "0" * 32)


def test_a_damaged_or_newer_record_is_one_clear_error() -> None:
    whole = evidence_record.dump([ab(NAN, float("inf"))])
    assert repr(evidence_record.parse(whole, "here")) == repr((ab(NAN, float("inf")),))
    assert '"confidence":0.95' in whole
    exact = replace(ab(0, 1), confidence=0.99)
    assert evidence_record.parse(evidence_record.dump([exact]), "here") == (exact,)
    assert evidence_record.parse(whole.replace(',"confidence":0.95', ""), "here")[0].confidence == 0.95  # an older one
    newer = whole.replace('"schema_version":1', '"schema_version":9')
    for text, said in ((whole[:-5], "here is damaged"), ("[]", "damaged"), (newer, "schema version 9")):
        with pytest.raises(TrackingError, match=said):
            evidence_record.parse(text, "here")


def test_of_one_source_the_new_evidence_stays() -> None:
    old, new = ab(0, 1), ab(1, 2)
    rated = replace(old, source="ratings")
    assert evidence_record.merged([rated, old], [new]) == (new, rated)
    assert np.isfinite(new.metrics["ab_difference"].lower)
