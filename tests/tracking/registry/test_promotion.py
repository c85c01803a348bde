from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import promotions
from mlflow_evalplus.requirements import load
from mlflow_evalplus.results import Estimate, Gate, Outcome, Verdict
from mlflow_evalplus.tracking.registry import ledger, promotion, version_page
from mlflow_evalplus.tracking.registry.events import Event
from mlflow_evalplus.tracking.registry.promotion import Promotion, history, promote, rollback
from tests.tracking.registry.registering import ASKED, NAME, champion, make, pointed, versions_of

EASY = {"thresholds": [{"metric": "accuracy", "min": 0.5}]}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    x = rng.normal(size=300)
    label = np.where(x + rng.normal(scale=0.2, size=300) > 0, "yes", "no")
    return pd.DataFrame({"x": x, "channel": rng.choice(["app", "web"], 300), "label": label})


def evaluated(data: pd.DataFrame, requirements: dict[str, object], models: int = 1) -> str:
    """Return the id of a run that logs models and evaluates the first of them through the plugin."""
    with mlflow.start_run(run_name="the run") as run:
        infos = []
        for number in range(models):
            classifier = LogisticRegression().fit(data[["x"]], data["label"])
            infos.append(mlflow.sklearn.log_model(classifier, name=f"m{number}", pip_requirements=["scikit-learn"]))
        mlflow.models.evaluate(
            infos[0].model_uri, data, targets="label", model_type="classifier", evaluators="evalplus",
            evaluator_config={"slices": ["channel"], "requirements": requirements, "latency_requests": 0},
        )  # fmt: skip
    return str(run.info.run_id)


def version(done: Promotion) -> ModelVersion:
    return mlflow.MlflowClient().get_model_version(done.name, done.version)


def test_a_run_that_passes_becomes_champion(store: str, data: pd.DataFrame) -> None:
    done = promote(evaluated(data, EASY), "sentiment")
    assert (done.name, done.version, done.alias, done.created) == ("sentiment", "1", "champion", True)
    assert done.reason.startswith("cleared for launch. PASS")
    champion = mlflow.MlflowClient().get_model_version_by_alias("sentiment", "champion")
    assert champion.version == 1
    model = mlflow.pyfunc.load_model("models:/sentiment@champion")
    assert (model.predict(data[["x"]]) == data["label"]).mean() > 0.8


def test_the_version_carries_its_evidence(store: str, data: pd.DataFrame) -> None:
    """The registry's page shows no metrics."""
    run_id = evaluated(data, EASY)
    evaluation = ep.load(run_id)
    done = version(promote(run_id, "sentiment", why="fewest missed complaints"))
    assert done.tags == {
        names.TAG_RUN: run_id,
        names.TAG_VERDICT: "pass",
        names.TAG_DATA_DIGEST: evaluation.data_digest,
        names.TAG_ACCURACY: str(evaluation.metrics["accuracy"]),
        names.TAG_PROMOTED_AS: "champion",
        names.TAG_REQUIREMENTS_DIGEST: evaluation.requirements.digest,
        names.TAG_BOUNDS: f"accuracy at least 0.5: {str(evaluation.metrics['accuracy']).removesuffix(' n=300')}",
    }
    for part in (
        "Champion: cleared for launch\n",
        "fewest missed complaints",
        "the run",
        run_id,
        "300 examples",
        "| accuracy |",
    ):
        assert part in done.description
    assert len(done.description) <= 5000  # what a database column holds
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", done.description)
    assert done.run_id == run_id


def test_the_model_that_was_evaluated_is_registered_not_the_last_one_logged(store: str, data: pd.DataFrame) -> None:
    run_id = evaluated(data, EASY, models=2)
    done = version(promote(run_id, "sentiment"))
    assert mlflow.get_logged_model(done.source.removeprefix("models:/")).name == "m0"


def test_a_run_without_a_model_cannot_be_promoted(store: str, frame: pd.DataFrame) -> None:
    with mlflow.start_run() as run:
        ep.log(ep.evaluate(frame))
    with pytest.raises(TrackingError, match=f"run {run.info.run_id} has no logged model to register"):
        promote(run.info.run_id, "sentiment")
    assert mlflow.MlflowClient().search_registered_models() == []


def test_a_run_without_an_evaluation_cannot_be_promoted(store: str, data: pd.DataFrame) -> None:
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            LogisticRegression().fit(data[["x"]], data["label"]), name="m", pip_requirements=["scikit-learn"]
        )
    with pytest.raises(TrackingError, match=r"carries no evalplus/evaluation.json"):
        promote(run.info.run_id, "sentiment")


# runs that are made once; each test has a copy of their store


@pytest.fixture
def runs(empty_store: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    database, runs = make(empty_store)
    shutil.copy(database, tmp_path)
    with pointed(tmp_path):
        yield runs


def told() -> list[tuple[str, str, str, str]]:
    return [(event.kind, event.alias, event.replaced, event.version) for event in history(NAME).rows]


@pytest.mark.parametrize(("run", "word"), [("bad", "FAIL"), ("open", "UNDECIDED"), ("free", "UNDECIDED")])
def test_what_does_not_pass_is_a_challenger_that_is_not_cleared(runs: dict[str, str], run: str, word: str) -> None:
    done = promote(runs[run], NAME)
    assert done.alias == "challenger"
    assert done.reason.startswith(f"not cleared for launch. {word}")
    assert version(done).description.startswith("Challenger: not cleared for launch\n")
    assert set(mlflow.MlflowClient().get_registered_model(NAME).aliases) == {"challenger"}


def test_the_same_run_promoted_twice_is_one_version(runs: dict[str, str]) -> None:
    first, again = promote(runs["old"], NAME), promote(runs["old"], NAME, why="asked again")
    assert (first.created, again.created) == (True, False)
    assert first.version == again.version
    assert versions_of(runs["old"]) == ["1"]
    assert "asked again" in version(again).description
    assert promote(runs["old"], "other").created


def test_a_new_champion_leaves_the_old_version_in_place(runs: dict[str, str]) -> None:
    first, second = (promote(runs[run], NAME) for run in ("old", "new"))
    assert (first.version, second.version, champion()) == ("1", "2", "2")
    assert version(first).tags[names.TAG_PROMOTED_AS] == "champion"


def test_a_name_that_mlflow_refuses_is_a_clear_error(runs: dict[str, str]) -> None:
    for name, words in (("", "'name'"), ("a/b", "a/b")):
        with pytest.raises(TrackingError, match=f"answered: .*{words}"):
            promote(runs["old"], name)


def test_promoting_twice_is_one_version_whatever_the_model_is_called(runs: dict[str, str]) -> None:
    for name in ("it's", 'a "name"', 'it\'s "both"', "100 %", "情感"):
        assert promote(runs["old"], name).version == promote(runs["old"], name).version == "1"


def test_the_history_says_who_replaced_whom_and_why(runs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    promote(runs["old"], NAME, why="the first that passes")
    done = promote(runs["new"], NAME, why="fewer misses")
    assert (done.version, done.replaced, done.forced) == ("2", "1", False)
    promote(runs["bad"], NAME)
    assert told() == [
        ("promote", "champion", "", "1"), ("promote", "champion", "1", "2"), ("promote", "challenger", "", "3"),
    ]  # fmt: skip
    first, second, third = history(NAME).rows
    assert (second.by, second.run_id, second.verdict, second.why) == ("ada", runs["new"], "pass", "fewer misses")
    assert (third.verdict, third.why) == ("fail", "")
    assert first.at < first.done < second.at < second.done


def test_the_same_promotion_twice_is_one_version_and_one_entry(runs: dict[str, str]) -> None:
    for _ in range(2):
        done = promote(runs["old"], NAME, why="good")
    assert (done.created, versions_of(runs["old"])) == (False, ["1"])
    assert told() == [("promote", "champion", "", "1")]


@pytest.mark.slow
def test_the_same_promotion_without_a_reason_keeps_reason_and_time_on_the_page(
    runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        hours = 0

        @classmethod
        def now(cls, tz: timezone | None = None) -> datetime:
            return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(hours=cls.hours)

    for module in (ledger, promotion):
        monkeypatch.setattr(module, "datetime", Clock)
    done = promote(runs["old"], NAME, why="fewest misses")
    page = version(done).description
    assert "Promoted 2026-01-01 00:00 UTC" in page
    Clock.hours = 1
    promote(runs["old"], NAME)
    assert version(done).description == page
    promote(runs["new"], NAME)
    rollback(NAME, why="refunds")
    promote(runs["old"], NAME)
    assert version(done).description == page, "the promotion's, not the rollback's"
    assert len(told()) == 3
    promote(runs["old"], NAME, why="asked again")
    assert "asked again" in version(done).description
    assert "Promoted 2026-01-01 01:00 UTC" in version(done).description
    assert len(told()) == 4


RELATIVE = {"thresholds": [{"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.05}]}


def test_what_passes_against_a_baseline_is_promoted_with_it(runs: dict[str, str]) -> None:
    with pytest.raises(TrackingError, match=r"no baseline to compare with\. Say what .*--baseline RUN, .* Fix that"):
        promote(runs["new"], NAME, alias="champion", requirements=RELATIVE)
    promote(runs["old"], NAME)
    for _ in range(2):  # the second time it is champion itself
        done = promote(runs["new"], NAME, baseline="champion", requirements=RELATIVE)
        assert (done.alias, champion()) == ("champion", "2")
    assert len(told()) == 2
    shown, digest = version(done), load(RELATIVE).digest
    assert shown.tags[names.TAG_BASELINE_RUN] == runs["old"]
    assert shown.tags[names.TAG_REQUIREMENTS_DIGEST] == digest
    assert shown.tags[names.TAG_BOUNDS].startswith("accuracy not worse than the baseline by more than 0.05: ")
    assert f"Held against the baseline old (`{runs['old']}`)" in shown.description
    assert f"Held against requirements `{digest}`; the run was logged with `{load(ASKED).digest}`" in shown.description
    event = history(NAME).last()
    assert (event.baseline, event.requirements) == (runs["old"], digest)
    promote(runs["new"], NAME, baseline="bad", requirements=RELATIVE)
    assert len(told()) == 3, "against another baseline it is another promotion"
    with pytest.raises(TrackingError, match="baseline 'new' is the model of new itself"):
        promote(runs["new"], NAME, baseline="new", requirements=RELATIVE)


def test_the_model_page_shows_the_newest_changes_and_leaves_what_somebody_wrote(runs: dict[str, str]) -> None:
    client = mlflow.MlflowClient()
    promote(runs["old"], NAME, why="a | <b>")
    promote(runs["new"], NAME)
    rollback(NAME, why="refunds")
    lines = client.get_registered_model(NAME).description.splitlines()
    assert lines[0] == promotions.MARK
    assert ["rolled back" in lines[4], "| 2 | 1 |" in lines[5], r"| a \| &lt;b&gt; |" in lines[6]] == [True] * 3
    client.update_registered_model(NAME, description="Ours: do not touch")
    rollback(NAME, to=2)
    assert client.get_registered_model(NAME).description == "Ours: do not touch"
    client.update_registered_model(NAME, description="")
    promote(runs["new"], NAME)
    assert client.get_registered_model(NAME).description.count("rolled back") == 2


def test_a_model_page_that_mlflow_refuses_does_not_fail_the_promotion(
    runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise MlflowException("no")

    monkeypatch.setattr(mlflow.MlflowClient, "update_registered_model", refuse)
    assert promote(runs["old"], NAME).version == champion() == "1"


def test_a_run_that_did_not_pass_is_champion_only_by_force_with_a_reason(runs: dict[str, str]) -> None:
    with pytest.raises(TrackingError, match=r"run bad is not made champion .*FAIL.*--force --why") as refused:
        promote(runs["bad"], NAME, alias="champion")
    assert "accuracy at least 0.8" in str(refused.value)
    with pytest.raises(TrackingError, match="UNDECIDED"):
        promote(runs["open"], NAME, alias="champion", why="please")
    for why in ("", "  "):
        with pytest.raises(TrackingError, match="force needs a reason"):
            promote(runs["bad"], NAME, alias="champion", force=True, why=why)
    assert mlflow.MlflowClient().search_registered_models() == [], "what is refused leaves nothing"
    done = promote(runs["bad"], NAME, force=True, why="the old one <b>fails</b> more")
    assert (done.alias, done.forced, champion()) == ("champion", True, "1")
    shown = version(done)
    assert shown.tags[names.TAG_FORCED] == "fail"
    assert shown.description.startswith("Champion, forced: did not pass (fail)\n")
    assert "&lt;b&gt;fails" in shown.description
    (event,) = history(NAME).rows
    assert (event.forced, event.verdict, event.why) == (True, "fail", "the old one <b>fails</b> more")


def test_a_run_that_passes_is_not_forced_and_may_be_challenger(runs: dict[str, str]) -> None:
    assert not promote(runs["old"], NAME, force=True, why="to be sure").forced
    done = promote(runs["new"], NAME, alias="challenger")
    assert (done.alias, champion()) == ("challenger", "1")
    for wrong, words in (
        ({"alias": "Champion"}, "neither"),
        ({"alias": "challenger", "force": True, "why": "x"}, "no force"),
    ):
        with pytest.raises(TrackingError, match=words):
            promote(runs["old"], NAME, **wrong)
    assert promote(runs["new"], NAME).alias == "champion"
    assert set(mlflow.MlflowClient().get_registered_model(NAME).aliases) == {"champion"}, "no longer the challenger"
    with pytest.raises(TrackingError, match="version 2 of 'sentiment' is the champion and cannot be its challenger"):
        promote(runs["new"], NAME, alias="challenger")


def test_tags_that_no_longer_hold_are_taken_away(runs: dict[str, str]) -> None:
    client = mlflow.MlflowClient()
    client.set_tag(runs["old"], names.TAG_BASELINE_RUN, runs["new"])
    done = promote(runs["old"], NAME)
    assert version(done).tags[names.TAG_BASELINE_RUN] == runs["new"]
    client.set_model_version_tag(NAME, "1", names.TAG_FORCED, "fail")
    client.set_model_version_tag(NAME, "1", "mine", "stays")
    client.delete_tag(runs["old"], names.TAG_BASELINE_RUN)
    promote(runs["old"], NAME)
    assert {"mine", names.TAG_FORCED, names.TAG_BASELINE_RUN} & version(done).tags.keys() == {"mine"}


def test_an_existing_version_is_taken_with_the_evidence_of_its_run(runs: dict[str, str]) -> None:
    model = mlflow.get_run(runs["new"]).outputs.model_outputs[0].model_id
    mlflow.register_model(f"models:/{model}", NAME)
    done = promote(None, NAME, version=1, why="registered by hand")
    assert (done.version, done.created, done.alias) == ("1", False, "champion")
    assert version(done).tags[names.TAG_RUN] == runs["new"]
    assert promote(None, NAME, version="1").replaced == ""
    with pytest.raises(TrackingError, match=r"version 1 of 'sentiment' holds model m-.*, but run .* evaluated m-"):
        promote(runs["old"], NAME, version=1)
    with pytest.raises(TrackingError, match=r"'sentiment' has no version 7; versions are \[1\]"):
        promote(None, NAME, version=7)
    with pytest.raises(TrackingError, match=r"no registered model is called 'sentimant'.*Did you mean 'sentiment'"):
        promote(None, "sentimant", version=1)
    with pytest.raises(TrackingError, match="neither a run nor a version"):
        promote(None, NAME)


def test_a_version_that_nobody_evaluated_says_how_to(runs: dict[str, str]) -> None:
    with mlflow.start_run():
        mlflow.log_text("x", "model/MLmodel")
    mlflow.MlflowClient().create_registered_model(NAME)
    mlflow.MlflowClient().create_model_version(NAME, "file:///nowhere")
    with pytest.raises(TrackingError, match=r"no evaluated run of version 1 .*evaluate --model 'models:/sentiment/1'"):
        promote(None, NAME, version=1)


def test_rollbacks_return_to_the_previous_champion_and_then_to_the_one_before(runs: dict[str, str]) -> None:
    for run in ("old", "new", "newer"):
        promote(runs[run], NAME)
    event = rollback(NAME, why="complaints about refunds")
    assert (event.kind, event.version, event.replaced, event.run_id, event.verdict) == (
        "rollback", "2", "3", runs["new"], "pass",
    )  # fmt: skip
    assert rollback(NAME).version == champion() == "1"
    with pytest.raises(TrackingError, match=r"version 1 .*oldest champion: .*nothing older .*forward again: --to 2 "):
        rollback(NAME)
    assert rollback(NAME, to=3).replaced == "1"
    assert rollback(NAME, to="3").replaced == "1", "repeated, nothing is done"
    assert told()[3:] == [
        ("rollback", "champion", "3", "2"), ("rollback", "champion", "2", "1"), ("rollback", "champion", "1", "3"),
    ]  # fmt: skip
    assert history(NAME).rows[3].why == "complaints about refunds"


def test_a_rollback_that_cannot_be_is_one_clear_error(runs: dict[str, str]) -> None:
    with pytest.raises(TrackingError, match=r"no registered model is called 'sentiment'; there is none yet"):
        rollback(NAME)
    promote(runs["bad"], NAME)
    with pytest.raises(TrackingError, match="'sentiment' has no champion to go back from"):
        rollback(NAME)
    for run in ("old", "new", "newer"):
        promote(runs[run], NAME)
    with pytest.raises(TrackingError, match=r"version '1' of 'sentiment' has never been champion; .*\['2', '3', '4'\]"):
        rollback(NAME, to=1)
    mlflow.MlflowClient().delete_model_version(NAME, "3")
    with pytest.raises(TrackingError, match=r"version 3 of 'sentiment', .*no longer there; .*\['2'\]"):
        rollback(NAME)
    assert rollback(NAME, to=2).version == champion() == "2"
    mlflow.MlflowClient().delete_model_version(NAME, "2")
    with pytest.raises(TrackingError, match="no champion to go back from"):
        rollback(NAME)
    assert rollback(NAME, to=4).version == champion() == "4"


def test_a_champion_set_by_hand_is_in_the_history_and_can_be_returned_to(runs: dict[str, str]) -> None:
    for run in ("old", "new", "newer"):
        promote(runs[run], NAME)
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", "1")
    assert told()[-1] == ("outside", "champion", "3", "1")
    assert history(NAME).frame()["at"].isna().tolist() == [False] * 3 + [True], "nobody knows when"
    promote(runs["new"], NAME, why="again")
    assert history(NAME).rows[-2].at == history(NAME).rows[-1].at, "before that"
    assert told()[-2:] == [("outside", "champion", "3", "1"), ("promote", "champion", "1", "2")]
    assert rollback(NAME).version == "1"


def test_bounds_name_every_requirement_and_fit_into_a_tag() -> None:
    gate = Gate("recall of\x00 negative at least 0.9", Outcome.PASS, "", Estimate(0.95, 0.91, 0.97, 100))
    verdict = Verdict(Outcome.UNDECIDED, (gate, replace(gate, requirement="kept", estimate=None)))
    assert version_page.bounds(verdict) == "recall of  negative at least 0.9: 0.950 [0.910, 0.970]; kept: not measured"
    many = version_page.bounds(replace(verdict, gates=(replace(gate, requirement="r" * 90),) * 1000))
    assert 4800 < len(many) <= 5000
    assert re.search(r"; … 9\d\d more$", many)
    assert version_page.bounds(Verdict(Outcome.UNDECIDED, ())) == ""


def test_a_long_description_is_cut_between_lines_and_keeps_its_source(runs: dict[str, str]) -> None:
    run, evaluation = mlflow.get_run(runs["old"]), ep.load(runs["old"])
    long = replace(evaluation, notes=tuple(f"note {number} " + "x" * 500 for number in range(40)))
    event = Event("promote", "champion", "1", datetime(2026, 1, 1, tzinfo=timezone.utc), why="<b>" * 5000)
    text = version_page.description(run, long, event)
    assert 4000 < len(text) <= 5000
    assert text.endswith("200 examples.")
    assert "… the rest is on the run's page." in text
    assert "<b>" not in text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_promote_and_rollback_work_through_a_tracking_server(runs: dict[str, str], tmp_path: Path) -> None:
    """Over HTTP versions are texts and aliases come in another shape."""
    from tests.browser import ui

    with ui.server(tmp_path) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        mlflow.set_tracking_uri(address)
        for run in ("old", "new"):
            promote(runs[run], NAME, why=f"好评 {run}")
        model = mlflow.get_run(runs["newer"]).outputs.model_outputs[0].model_id
        mlflow.register_model(f"models:/{model}", NAME)
        done = promote(None, NAME, version=3, alias="challenger")
        assert version(done).tags[names.TAG_RUN] == runs["newer"]
        assert promote(runs["newer"], NAME).replaced == "2"
        assert rollback(NAME, why="refunds").version == champion() == "2"
        assert not promote(runs["new"], NAME).created
        assert told() == [
            ("promote", "champion", "", "1"), ("promote", "champion", "1", "2"), ("promote", "challenger", "", "3"),
            ("promote", "champion", "2", "3"), ("rollback", "champion", "3", "2"),
        ]  # fmt: skip
        assert history(NAME).rows[0].why == "好评 old"
        assert set(mlflow.MlflowClient().get_registered_model(NAME).aliases) == {"champion"}
        with pytest.raises(TrackingError, match=r"no registered model is called 'sentimant'.*Did you mean 'sentiment'"):
            rollback("sentimant")
        mlflow.MlflowClient().delete_model_version(NAME, "1")
        with pytest.raises(TrackingError, match="version 1 of 'sentiment', to go back to, is no longer there"):
            rollback(NAME)
