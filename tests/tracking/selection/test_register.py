from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.entities.model_registry import ModelVersion

from mlflow_evalplus import names
from mlflow_evalplus.asking.candidate import Candidate
from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.recorded import Recorded, write_answers
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results import Selection
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking.registry.promotion import Promotion, history
from mlflow_evalplus.tracking.selection.mlflow_model import MlflowModel
from mlflow_evalplus.tracking.selection.register import register_chosen
from tests.asking.fake_server import Behaviour, FakeServer
from tests.render import selections

KEY = "sk-of-the-house-42"
pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore:.*input example:UserWarning"),
]
OTHER, CHOSEN = "borealis-7b", "atlas-mini"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", KEY)


def selected(chosen: str = CHOSEN) -> Selection:
    found = selections.selection()
    return replace(found, decision=replace(found.decision, chosen=chosen))


@pytest.fixture
def runs() -> dict[str, str]:
    """Return a run for each candidate, as `log_selection` leaves them."""
    made = {}
    for name in selections.NAMES:
        with mlflow.start_run(run_name=name) as run:
            made[name] = str(run.info.run_id)
    return made


def endpoint(name: str = CHOSEN, address: str = "http://localhost:1/v1", **options: Any) -> Endpoint:
    return Endpoint(name, address, "small", api_key_env="HOUSE_KEY", parameters={"temperature": 0}, **options)


def version(done: Promotion) -> ModelVersion:
    return mlflow.MlflowClient().get_model_version(done.name, done.version)


def test_the_chosen_endpoint_becomes_champion_and_answers(runs: dict[str, str]) -> None:
    with FakeServer(default=Behaviour("yes")) as server:
        candidates = [endpoint(OTHER), endpoint(address=server.base_url)]
        done = register_chosen(selected(), candidates, runs, "support", system="You work for the bank.", why="cheap")
        model = mlflow.pyfunc.load_model("models:/support@champion")
        assert model.predict(pd.DataFrame({"text": ["May I?"]})) == ["yes"]
        assert server.seen[0].body["messages"][0]["content"] == "You work for the bank."
    assert (done.version, done.alias, done.created, done.forced) == ("1", "champion", True, False)
    found = version(done)
    assert found.run_id == runs[CHOSEN]
    assert found.tags[names.TAG_RUN] == runs[CHOSEN]
    assert found.tags[names.TAG_CHOSEN] == CHOSEN
    assert found.tags[names.TAG_QUESTIONS_DIGEST] == selected().digest
    assert "score at least 0.75" in found.tags[names.TAG_BOUNDS]
    assert found.description.startswith("Champion: chosen among 4 candidates on 120 questions\n")
    assert len(found.description) <= 5000
    assert history("support").rows[-1].why == "cheap"


def test_the_same_again_makes_one_version(runs: dict[str, str]) -> None:
    for created in (True, False):
        done = register_chosen(selected(), [endpoint()], runs, "support")
        assert (done.version, done.created) == ("1", created)
    assert len(history("support").rows) == 1
    assert len(mlflow.search_logged_models(output_format="list")) == 1


def test_the_key_is_in_nothing_that_is_left(runs: dict[str, str]) -> None:
    register_chosen(selected(), [endpoint()], runs, "support")
    left = [path for path in Path.cwd().rglob("*") if path.is_file()]
    assert any(path.name == "endpoint_model.py" for path in left)
    assert any(b"HOUSE_KEY" in path.read_bytes() for path in left if path.name == "MLmodel")
    assert not [path for path in left if KEY.encode() in path.read_bytes()]


def test_an_address_with_a_password_is_not_registered(runs: dict[str, str]) -> None:
    secret = endpoint(address="http://me:secret-word@localhost:1/v1")
    with pytest.raises(TrackingError, match="holds a user, a password or a query") as told:
        register_chosen(selected(), [secret], runs, "support")
    assert "secret-word" not in str(told.value)
    assert not mlflow.MlflowClient().search_registered_models()


def test_another_is_a_challenger_or_forced(runs: dict[str, str]) -> None:
    candidates = [endpoint(), endpoint(OTHER)]
    with pytest.raises(TrackingError, match=f"'{OTHER}' is not made champion: the decision is another"):
        register_chosen(selected(), candidates, runs, "support", candidate=OTHER, alias="champion")
    assert register_chosen(selected(), candidates, runs, "support", candidate=OTHER).alias == "challenger"
    with pytest.raises(TrackingError, match="force needs a reason"):
        register_chosen(selected(), candidates, runs, "support", candidate=OTHER, force=True)
    done = register_chosen(selected(), candidates, runs, "support", candidate=OTHER, force=True, why="it runs here")
    assert (done.alias, done.forced, done.version) == ("champion", True, "1")
    assert version(done).tags[names.TAG_FORCED] == selected().decision.outcome
    assert version(done).description.startswith("Champion, forced: not chosen among 4 candidates")
    again = register_chosen(selected(), candidates, runs, "support")
    assert (again.version, again.alias, again.replaced) == ("2", "champion", "1")


def test_without_a_choice_nothing_is_registered(runs: dict[str, str]) -> None:
    with pytest.raises(TrackingError, match=r"no candidate is chosen .* one of \['atlas.*name it: --take CANDIDATE"):
        register_chosen(selected(""), [endpoint()], runs, "support")
    assert register_chosen(selected(""), [endpoint()], runs, "support", candidate=CHOSEN).alias == "challenger"


def test_recorded_answers_are_no_model(runs: dict[str, str], tmp_path: Path) -> None:
    write_answers(tmp_path / "answers.jsonl", [Answer(CHOSEN, "q1", text="B")])
    recorded: list[Candidate] = [Recorded(CHOSEN, tmp_path / "answers.jsonl")]
    with pytest.raises(TrackingError, match="a file of recorded answers, in which there is no model"):
        register_chosen(selected(), recorded, runs, "support")
    other: Any = SimpleNamespace(name=CHOSEN, about={"kind": "pipeline"})
    with pytest.raises(TrackingError, match=r"\(pipeline\) is no endpoint and no MLflow model"):
        register_chosen(selected(), [other], runs, "support")
    assert not mlflow.MlflowClient().search_registered_models()


def test_a_name_that_is_not_there_is_said(runs: dict[str, str]) -> None:
    with pytest.raises(TrackingError, match=r"no candidate is called 'atlas-mimi'.*Did you mean 'atlas-mini'\?"):
        register_chosen(selected(), [endpoint()], runs, "support", candidate="atlas-mimi")


CODE = """
import mlflow
import pandas as pd
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return ["yes"] * len(model_input)
mlflow.models.set_model(Model())
"""


def logged(folder: Path) -> str:
    (folder / "code.py").write_text(CODE)
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="own", python_model=str(folder / "code.py"), pip_requirements=["mlflow"])
    return str(info.model_uri)


def test_an_mlflow_model_is_registered_by_its_own_uri(runs: dict[str, str], tmp_path: Path) -> None:
    uri = logged(tmp_path)
    for created in (True, False):
        done = register_chosen(selected(), [MlflowModel(CHOSEN, uri)], runs, "support")
        assert (done.version, done.alias, done.created) == ("1", "champion", created)
    assert version(done).source == uri
    assert version(done).tags[names.TAG_RUN] == runs[CHOSEN]
    assert mlflow.pyfunc.load_model("models:/support@champion").predict(["?"]) == ["yes"]


def test_a_version_of_the_same_model_is_taken_itself(runs: dict[str, str], tmp_path: Path) -> None:
    mlflow.register_model(logged(tmp_path), "support")
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("support", "candidate", "1")
    done = register_chosen(selected(), [MlflowModel(CHOSEN, "models:/support@candidate")], runs, "support")
    assert (done.version, done.created) == ("1", False)
    assert version(done).tags[names.TAG_CHOSEN] == CHOSEN


def test_an_alias_of_another_model_is_registered_and_loads(runs: dict[str, str], tmp_path: Path) -> None:
    mlflow.register_model(logged(tmp_path), "lab")
    mlflow.MlflowClient().set_registered_model_alias("lab", "best", "1")
    register_chosen(selected(), [MlflowModel(CHOSEN, "models:/lab@best")], runs, "support")
    assert mlflow.pyfunc.load_model("models:/support@champion").predict(["?"]) == ["yes"]
