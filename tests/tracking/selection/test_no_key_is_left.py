"""A whole selection with planted keys, that every server says back: in nothing that is left is any of them."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml

from tests.asking.fake_server import Behaviour, FakeServer, words_of
from tests.cli import test_commands
from tests.cli.test_commands import Cli

cli = test_commands.cli
KEY, PASSWORD, SIGNATURE, JUDGE_KEY = "sk-planted-7Jq2", "pass-9Xplanted", "sig/4Kplanted", "jk-planted-3Mb8"
BASIC = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
PLANTED = (KEY, PASSWORD, SIGNATURE, SIGNATURE.replace("/", "%2F"), JUDGE_KEY, BASIC)

OWN = {"keyed": (KEY,), "basic": (PASSWORD, BASIC), "query": (KEY, SIGNATURE)}


def lines(n: int) -> str:
    rows = [f'{{"id": "q{i}", "input": "What is code number {i}?", "gold": "k{i}", "type": "exact", "dimension": "c"}}'
            for i in range(n)]  # fmt: skip
    rubric = '{"id": "r", "input": "Greet me.", "type": "rubric", "rubric": "It is polite.", "dimension": "style"}'
    return "\n".join([*rows, rubric])


@pytest.mark.slow
def test_no_key_is_left_anywhere(
    cli: Cli, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    monkeypatch.setenv("JUDGE_KEY", JUDGE_KEY)
    caplog.set_level(logging.DEBUG)
    behaviours = {f"code number {i}?": Behaviour(f"k{i}") for i in range(12)}
    behaviours["code number 3?"] = Behaviour("", "refused")  # it says what it was sent
    behaviours["code number 4?"] = Behaviour("", "server", times=10**9)
    for name, secrets in OWN.items():
        behaviours[f"number 5?\n{name}"] = Behaviour(f"You sent {' and '.join(secrets)}.")
    behaviours["Greet me."] = Behaviour("Good day.")
    behaviours["0 meets nothing of the rubric"] = Behaviour("", "refused")  # the judge
    given = tmp_path / "given"
    given.mkdir()
    (given / "questions.jsonl").write_text(lines(12))

    def does(body: dict[str, Any]) -> Behaviour:
        words = f"{words_of(body)}\n{body['model']}"
        return behaviours[max((key for key in behaviours if key in words), key=len)]

    with FakeServer(does) as server:
        address, judging = server.base_url, server.base_url.replace("//", f"//me:{PASSWORD}@")
        ways = {"keyed": (address, "THE_KEY"), "basic": (judging, ""),
                "query": (f"{address}?sig={SIGNATURE.replace('/', '%2F')}", "THE_KEY")}  # fmt: skip
        candidates = [
            {"name": name, "endpoint": url, "model": name, "max_retries": 1, **({"api_key_env": key} if key else {})}
            for name, (url, key) in ways.items()
        ]
        judge = {"name": "judge", "endpoint": address, "model": "j", "api_key_env": "JUDGE_KEY"}
        plan = {"candidates": candidates, "judges": [judge], "journal": str(Path.cwd() / "kept.jsonl")}
        (given / "candidates.yaml").write_text(yaml.safe_dump(plan))
        printed = cli("select", str(given / "questions.jsonl"), "--candidates", str(given / "candidates.yaml"),
                      "--output", "page.html")  # fmt: skip
        sent = "".join(str(seen.headers) for seen in server.seen)
    assert all(secret in sent for secret in (KEY, BASIC, SIGNATURE.replace("/", "%2F"), JUDGE_KEY))
    assert "you sent Bearer ***" in Path("kept.jsonl").read_text(encoding="utf-8")
    assert mlflow.search_traces(return_type="list")
    left = [path for path in Path.cwd().rglob("*") if path.is_file()]
    assert {"kept.jsonl", "page.html", "mlflow.db"} < {path.name for path in left}
    assert len(left) > 20
    shown = {str(path): path.read_bytes() for path in left}
    shown |= {"printed": (printed.out + printed.err).encode(), "logged": caplog.text.encode()}
    found = [(where, secret) for where, content in shown.items() for secret in PLANTED if secret.encode() in content]
    found.remove(("logged", PLANTED[3]))  # httpx logs each address with its query, as the documentation says
    assert not found
