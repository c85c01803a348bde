from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from mlflow_evalplus.tracking.selection import register
from mlflow_evalplus.tracking.selection.register import log_endpoint
from tests.asking.fake_server import Behaviour, FakeServer

KEY = "sk-of-the-house-42"
pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def logged(server: FakeServer, **changed: Any) -> str:
    config = {
        "base_url": server.base_url, "model": "small", "parameters": {"temperature": 0, "max_tokens": 9},
        "system": "You work for the bank.", "api_key_env": "HOUSE_KEY", "timeout_s": 5.0, "max_retries": 1,
    }  # fmt: skip
    with mlflow.start_run() as run:
        return log_endpoint(config | changed, run.info.run_id)


def test_rows_of_texts_are_answered_in_order() -> None:
    answers = {f"question {n}": Behaviour(f"answer {n}") for n in range(6)}
    with FakeServer(answers) as server:
        model = mlflow.pyfunc.load_model(logged(server, concurrency=3))
        assert model.predict(pd.DataFrame({"text": list(answers)})) == [f"answer {n}" for n in range(6)]
        body = server.asked("question 0")[0].body
    assert body["messages"] == [
        {"role": "system", "content": "You work for the bank."}, {"role": "user", "content": "question 0"},
    ]  # fmt: skip
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("small", 0, 9)
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_mlflow_has_no_remark_on_it() -> None:
    with FakeServer(default=Behaviour("yes")) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mlflow.pyfunc.load_model(logged(server))
    assert not [str(each.message) for each in caught if each.category is UserWarning]


def test_a_conversation_keeps_its_own_system_message() -> None:
    own = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "May I?"}]
    with FakeServer(default=Behaviour("yes")) as server:
        model = mlflow.pyfunc.load_model(logged(server))
        assert model.predict({"messages": own}) == ["yes"]
        assert model.predict(pd.DataFrame({"messages": [own, own[1:]]})) == ["yes", "yes"]
        asked = [call.body["messages"] for call in server.seen]
    assert asked[0] == own
    assert [own[1]["content"] in str(messages) for messages in asked] == [True] * 3
    assert sorted(messages[0]["content"] for messages in asked[1:]) == ["Be brief.", "You work for the bank."]


def test_a_call_that_fails_is_raised() -> None:
    with FakeServer(default=Behaviour("", fault="refused")) as server:
        model = mlflow.pyfunc.load_model(logged(server))
        with pytest.raises(Exception, match="planted: refused") as told:  # the server repeats the key
            model.predict(pd.DataFrame({"text": ["May I?"]}))
    assert KEY not in str(told.value)


def test_a_row_that_asks_nothing_is_said_and_nothing_is_sent() -> None:
    with FakeServer(default=Behaviour("yes")) as server:
        model = mlflow.pyfunc.load_model(logged(server))
        asked, mine = {"text": "May I?"}, {"messages": [{"role": "user", "content": "May I?"}]}
        for rows in ([asked, {"text": " "}], [asked, {"text": None}], [mine, {"messages": []}]):
            with pytest.raises(ValueError, match="row 2 has neither a 'text' nor 'messages'"):
                model.predict(pd.DataFrame(rows))
        assert not server.seen


def test_a_server_that_is_down_is_said() -> None:
    with FakeServer(default=Behaviour("yes")) as server:
        model = mlflow.pyfunc.load_model(logged(server, max_retries=0))
    with pytest.raises(Exception, match=r"the endpoint http://.* failed: Connection error"):
        model.predict(pd.DataFrame({"text": ["May I?"]}))


def test_without_its_key_it_says_which_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(default=Behaviour("yes")) as server:
        model = mlflow.pyfunc.load_model(logged(server))
        monkeypatch.delenv("HOUSE_KEY")
        with pytest.raises(ValueError, match="environment variable HOUSE_KEY, which is not set"):
            model.predict(pd.DataFrame({"text": ["May I?"]}))
        assert not server.seen


def test_an_endpoint_without_a_key_is_sent_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another")
    with FakeServer(default=Behaviour("yes")) as server:
        model = mlflow.pyfunc.load_model(logged(server, api_key_env="", system=""))
        assert model.predict(pd.DataFrame({"text": ["May I?"]})) == ["yes"]
        assert server.seen[0].headers["authorization"] == "Bearer none"
        assert len(server.seen[0].body["messages"]) == 1


@pytest.mark.slow
def test_it_answers_in_a_fresh_process_without_this_package(tmp_path: Path) -> None:
    code = """
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("mlflow_evalplus"):
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
import mlflow, pandas as pd
print(mlflow.pyfunc.load_model(sys.argv[1]).predict(pd.DataFrame({"text": ["May I?"]})))
"""
    with FakeServer(default=Behaviour("yes")) as server:
        path = mlflow.artifacts.download_artifacts(logged(server), dst_path=str(tmp_path))
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.stdout.splitlines()[-1:] == ["['yes']"], done.stderr
        assert len(server.seen) == 1


def test_neither_key_nor_package_is_in_what_it_leaves(tmp_path: Path) -> None:
    with FakeServer(default=Behaviour("yes")) as server:
        path = Path(mlflow.artifacts.download_artifacts(logged(server), dst_path=str(tmp_path)))
    written = {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert Path("endpoint_model.py") in written
    assert not [name for name, content in written.items() if KEY.encode() in content]
    assert not [name for name, content in written.items() if b"mlflow_evalplus" in content and name.suffix == ".py"]
    needed = written[Path("requirements.txt")].decode().split()
    assert [line.partition("==")[0] for line in needed] == list(register.PACKAGES)
