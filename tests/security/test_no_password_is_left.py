"""A server's password and the keys of the environment are in nothing that the commands leave behind or say."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from urllib.parse import quote

import mlflow
import pandas as pd
import pytest

from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.tracking import store as stores
from mlflow_evalplus.tracking.watching import watch
from tests.browser import ui
from tests.cli import test_commands
from tests.cli.test_commands import Cli, gates, model_on
from tests.tracking.watching.bare import quick

cli, answers = test_commands.cli, test_commands.answers
PASSWORD, TOKEN, DATABASE, SIGNATURE = "pw-4Jplanted/x", "tk-8Hplanted", "db-2Kplanted", "sg-6Qplanted%2Fz"
PLANTED = (PASSWORD, quote(PASSWORD, safe=""), TOKEN, DATABASE, SIGNATURE)
SAID = (
    f"cannot reach postgresql://me:{DATABASE}@db:5432/x?password={DATABASE} with {TOKEN}, nor "
    f"https://bucket.example/a.csv?X-Amz-Signature={SIGNATURE}&part=2 (Authorization: Bearer {DATABASE})"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgresql://me:{DATABASE}@h/db?sslmode=require", "postgresql://h/db?sslmode=require"),
        (f"host=h password={DATABASE} port=5432", "host=h password=*** port=5432"),
        (f"AccountName=a;AccountKey={TOKEN};b=c", "AccountName=a;AccountKey=***;b=c"),
        (f"{{'Authorization': 'Basic {DATABASE}'}}", "{'Authorization': 'Basic ***'}"),
        (f"sent Bearer {DATABASE}.", "sent Bearer ***"),
        (f"see https://h/a?api_key={TOKEN}&page=2#part", "see https://h/a?api_key=***&page=2#part"),
        (f"postgresql://me:pa/{DATABASE}@h:5432/db", "postgresql://h:5432/db"),  # SQLAlchemy takes a slash in it
        (f'{{"api_key": "{TOKEN}", "n": 1}}', '{"api_key": "***", "n": 1}'),
        (f"connect_args={{'password': '{DATABASE}'}}", "connect_args={'password': '***'}"),
        (f"x-api-key: {TOKEN}, accept: */*", "x-api-key: ***, accept: */*"),
        (f"Incorrect API key provided: {TOKEN}", "Incorrect API key provided: ***"),
        (f"ran tool --token {TOKEN} --deep", "ran tool --token *** --deep"),
        (f"client_secret='{TOKEN}'", "client_secret='***'"),
        *[
            (honest, honest)
            for honest in (
                "two keys = three; a bearer of news, me@example.com",
                "unknown key: 'thresholdz1'",
                "http://h:5000/a@b",
                "candidates.x.api_key: is not set",
                'the token: x; {"max_tokens": 512}',
                "https://h:443/x?mail=a@b.example",
            )
        ],
    ],
)
def test_what_is_secret_is_left_out_and_nothing_else(text: str, shown: str) -> None:
    assert hidden(text) == hidden(shown) == shown


def test_the_values_of_secret_variables_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    monkeypatch.setenv("SOME_KEY_FILE", "/etc/plain-name")
    assert hidden(f"you sent {TOKEN} from /etc/plain-name") == "you sent *** from /etc/plain-name"
    assert stores.without_password(f"https://me:x@h/p?token={TOKEN}") == "https://h/p?token=***"


@pytest.mark.parametrize("said", ["1", "a.-_", "://a:", "bearer ", "--key", "'key':", "secret", "a key "])
def test_an_error_of_any_length_is_looked_through_in_no_time(said: str) -> None:
    began = time.perf_counter()
    hidden(said * (40_000 // len(said)))
    assert time.perf_counter() - began < 5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_no_password_is_left_anywhere(
    cli: Cli, answers: Path, frame: pd.DataFrame, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    served, said = tmp_path / "served", []
    served.mkdir()
    shutil.copy(empty_store, served / "mlflow.db")

    def run(*arguments: str, code: int = 0) -> str:
        ended = cli(*arguments)
        said.append(ended.out + ended.err)
        assert ended.code == code, said[-1]
        return said[-1]

    def fails(model: str) -> None:
        raise RuntimeError(SAID)

    frame[:300].to_csv("fewer.csv", index=False)
    asked = gates("asked.yaml", 0.2)
    with ui.server(served) as address:
        mlflow.set_tracking_uri(uri := address.replace("//", f"//me:{quote(PASSWORD, safe='')}@"))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
        mlflow.set_experiment("kept")
        for name in ("one", "two"):
            run("evaluate", "--predictions", "answers.csv", "--requirements", asked, "--run-name", name)
        run("compare", "--baseline", "one", "--output", "compared.html")
        run("gate", "two", "--junit", "gate.xml", "--summary", "gate.md")
        run("doctor")
        model_on(frame)
        monkeypatch.setattr(watch, "evaluate_on", quick([], fails))
        found = run("watch", "--experiment", "kept", "--once", "--data", "fewer.csv", code=1)
        assert "postgresql://db:5432/x?password=*** with ***" in found
    found = run("evaluate", "--predictions", "answers.csv", code=1)
    assert "does not answer" in found
    left = [path for folder in (Path.cwd(), served) for path in folder.rglob("*") if path.is_file()]
    assert {"compared.html", "gate.xml", "mlflow.db", "evalplus_summary.md"} < {path.name for path in left}
    assert {"delivery.json", "answers.parquet"} & {path.name for path in left if "evalplus-spool" in path.parts}
    assert len(left) > 40
    shown = {str(path): path.read_bytes() for path in left}
    shown |= {"printed": "".join(said).encode(), "logged": caplog.text.encode()}
    assert not [(where, one) for where, content in shown.items() for one in PLANTED if one.encode() in content]
