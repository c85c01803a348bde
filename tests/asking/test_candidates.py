"""candidates.yaml: what it makes, every mistake with its line, and nothing secret in what is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlflow_evalplus.asking import candidates as module
from mlflow_evalplus.asking.candidates import Plan, read_candidates
from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.pipeline import Pipeline
from mlflow_evalplus.asking.prices import Price, read_prices
from mlflow_evalplus.asking.recorded import Recorded, write_answers
from mlflow_evalplus.asking.specs import Spec
from mlflow_evalplus.errors import DataError, RequirementsError
from mlflow_evalplus.results.answers import Answer

WHOLE = """
schema_version: 1
system: Be brief.
repeats: 3
currency: CNY
journal: kept/journal.jsonl
budget: {amount: 5}
candidates:
- name: small
  endpoint: https://me:pass-9X@llm.example.com/v1
  model: small-1
  api_key_env: EXAMPLE_KEY
  parameters: {temperature: 0, max_tokens: 300, stop: ["\\n\\n"]}
  stream: true
  concurrency: 4
  requests_per_minute: 300
  tokens_per_minute: 90000
  max_retries: 2
  timeout_s: 20
  price: {prompt: 0.5, completion: 1.5, cached: 0.1}
  about: {licence: Apache-2.0, hosted: 2026}
- name: local
  pipeline: model
  concurrency: 8
- name: old
  answers: old.jsonl
  candidate: before
- name: ours
  model: models:/support/3
judges:
- {name: strict, model: "openai:/judge-1", pairs: true}
- {name: panel, verdicts: verdicts.jsonl, preferences: preferences.jsonl}
"""


class Made(Recorded):
    """A candidate of one's own."""

    def __init__(self, spec: Spec) -> None:
        self.name, self.spec, self.digest, self._answers = spec.name, spec, "d", {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_answers(tmp_path / "old.jsonl", [Answer("before", "q1", text="B")])
    (tmp_path / "model").mkdir()
    return tmp_path


def read(folder: Path, text: str, **more: object) -> Plan:
    (folder / "candidates.yaml").write_text(text, encoding="utf-8")
    return read_candidates(folder / "candidates.yaml", {"model": Made}, **more)  # type: ignore[arg-type]


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(RequirementsError) as error:
        read(folder, text)
    return str(error.value).splitlines()[1:]


def test_a_whole_file(folder: Path) -> None:
    plan = read(folder, WHOLE)
    small, local, old, ours = plan.candidates
    assert isinstance(small, Endpoint)
    assert isinstance(local, Pipeline)
    assert isinstance(old, Recorded)
    assert isinstance(ours, Made)
    assert (plan.system, plan.repeats, plan.currency, plan.notes) == ("Be brief.", 3, "CNY", ())
    assert plan.budget
    assert (plan.budget.amount, plan.budget.currency) == (5, "CNY")
    assert plan.journal == folder / "kept" / "journal.jsonl"
    assert small.about == {
        "kind": "endpoint", "address": "https://llm.example.com/v1", "model": "small-1",
        "parameters": '{"temperature": 0, "max_tokens": 300, "stop": ["\\n\\n"]}', "licence": "Apache-2.0",
        "hosted": "2026",
    }  # fmt: skip
    assert (small.concurrency, small.stream, small.max_retries, small.timeout_s) == (4, True, 2, 20)
    assert small.price
    assert (small.price.prompt, small.price.cached, small.price.currency) == (0.5, 0.1, "CNY")
    assert (local.model, local.concurrency) == (str(folder / "model"), 8)
    assert ours.spec.model == "models:/support/3"
    assert [(judge.name, judge.pairs) for judge in plan.judges] == [("strict", True), ("panel", False)]
    assert plan.judges[1].verdicts == str(folder / "verdicts.jsonl")
    assert "pass-9X" not in repr(plan.candidates)


def test_the_least(folder: Path) -> None:
    plan = read(folder, "candidates:\n- {name: a, endpoint: http://127.0.0.1:1/v1, model: m}\n")
    assert (plan.repeats, plan.system, plan.budget, plan.currency) == (1, "", None, "USD")
    assert plan.journal == Path("selection.journal.jsonl")
    assert plan.notes == ("a: no price is known of 'm', so what it costs is not shown in USD; give it a 'price'.",)
    assert plan.candidates[0].concurrency == 8


WRONG = """
repeats: 0
candidates:
- name: a
  endpoint: https://llm.example.com/v1
  modle: m
- name: b
  endpoint: https://llm.example.com/v1
  model: m
  price: {prompt: 1}
  timeout_s: -1
budget: {amount: yes}
judges:
- {nam: x}
"""


def test_what_is_badly_formed_is_told_at_once_with_its_line(folder: Path) -> None:
    told = mistakes(folder, WRONG)
    for line, words in [
        (2, "repeats: Input should be greater than or equal to 1"), (6, "candidates.0.modle: unknown key"),
        (10, "candidates.1.price.completion: Field required"), (11, "candidates.1.timeout_s: Input should be greater"),
        (12, "budget.amount: YAML reads yes, no, on, off as true and false"), (14, "judges.0.name: Field required"),
        (14, "judges.0.nam: unknown key; keys are ['name'"),
    ]:  # fmt: skip
        assert [one for one in told if one.startswith(f"  line {line}: {words}")], (line, words, told)
    assert len(told) == 7


MISTAKEN = """
budget: {amount: 1}
candidates:
- {name: a, endpoint: https://llm.example.com/v1/chat/completions, model: m, price: {prompt: 1, completion: 1}}
- {name: b, endpoint: llm.example.com, model: m}
- {name: c, endpoint: https://llm.example.com/v1}
- {name: c, model: models:/x/1, answers: old.jsonl}
- {name: d}
- {name: e, answers: old.jsonl, timeout_s: 3}
- {name: f, endpoint: https://a.example/v1, model: m, parameters: {stream: true}}
- {name: g, endpoint: https://a.example/v1, model: m, price: {prompt: 1, completion: 1, currency: EUR}}
judges:
- {name: j}
"""


def test_what_does_not_go_together_is_told_at_once_with_its_line(folder: Path) -> None:
    told = mistakes(folder, MISTAKEN)
    for line, words in [
        (4, "candidates.0.endpoint: give the base address"), (5, "candidates.1.endpoint: is no address"),
        (6, "candidates.2.endpoint: give the 'model' as well"),
        (7, "candidates.3.name: 'c' is the name of an earlier one"),
        (7, "candidates.3.name: give an 'endpoint' with its 'model', a 'pipeline', recorded 'answers', or an MLflow "
            "'model'; 'c' has answers and model"),
        (8, "candidates.4.name: give an 'endpoint'"), (9, "candidates.5.timeout_s: does not go with 'answers'"),
        (10, "candidates.6.parameters: 'stream' is not among the parameters"),
        (11, "candidates.7.price: is in EUR, and money is counted in USD"),
        (13, "judges.0: give a 'model' to be asked"),
    ]:  # fmt: skip
        assert [one for one in told if one.startswith(f"  line {line}: {words}")], (line, words, told)
    assert len(told) == 10


def test_what_cannot_be_made_is_told_at_once_with_its_line(folder: Path) -> None:
    text = """
budget: {amount: 1}
candidates:
- {name: a, endpoint: https://a.example/v1, model: m, price: {prompt: 1, completion: 1}}
- {name: b, endpoint: https://a.example/v1, model: m, price: {prompt: 2, completion: 1}, parameters: {max_tokens: 5}}
- {name: c, endpoint: https://a.example/v1/, model: m, price: {prompt: 2, completion: 1}, parameters: {max_tokens: 5}}
- {name: d, endpoint: https://a.example/v1, model: other}
- {name: e, answers: none.jsonl}
- {name: f, answers: old.jsonl}
"""
    told = mistakes(folder, text)
    for line, words in [
        (4, "candidates.0.endpoint: the budget needs a limit of its answers"),
        (6, "candidates.2.endpoint: is asked the same way as 'b'"),
        (7, "candidates.3.endpoint: the budget needs its price"),
        (8, "candidates.4.answers: there is no file"), (9, "candidates.5.answers: "),
    ]:  # fmt: skip
        assert [one for one in told if one.startswith(f"  line {line}: {words}")], (line, words, told)
    assert len(told) == 5


@pytest.mark.parametrize(
    "part",
    ["api_key_env: sk-planted-7Jq2", "api_key_env: [sk-planted-7Jq2]", "api_key: sk-planted-7Jq2",
     "parameters: {api_key: sk-planted-7Jq2}", "parameters: {extra_headers: {Authorization: sk-planted-7Jq2}}",
     "parameters: {metadata: [{Access-Token: sk-planted-7Jq2}]}", "key: sk-planted-7Jq2", "timeout_s: -1"],
)  # fmt: skip
def test_no_mistake_says_a_key(folder: Path, part: str) -> None:
    text = f"candidates:\n- name: a\n  endpoint: https://me:pass-9X@a.example/v1\n  model: m\n  {part}\n"
    told = "\n".join(mistakes(folder, text))
    assert "line 5" in told
    assert "7Jq2" not in told
    assert "pass-9X" not in told
    twice = "\n".join(
        mistakes(folder, "candidates:\n- name: a\n  endpoint: [https://me:pass-9X@a.example/v1]\n  model: m\n")
    )
    assert "pass-9X" not in twice
    odd = "\n".join(mistakes(folder, "candidates:\n- {name: a, endpoint: 'me:pass-9X@a.example/v1', model: m}\n"))
    assert "pass-9X" not in odd


@pytest.mark.parametrize(
    "address",
    ["https://me:pass/9X@a.example/v1", "https://me:1/pass-9X@a.example/v1", "https://me:pass?9X@a.example/v1",
     "https://me:pass#9X@a.example/v1", "https://a.example:99999/v1", "https://[::1/v1", "https://:80/v1", "ftp://a/v1"],
)  # fmt: skip
def test_an_address_that_a_password_tears_is_told_without_it(folder: Path, address: str) -> None:
    told = mistakes(folder, f"candidates:\n- {{name: a, endpoint: '{address}', model: m}}\n")
    assert len(told) == 1
    assert told[0].startswith("  line 2: candidates.0.endpoint: is no address: https://HOST:PORT/v1")
    assert "9X" not in told[0]
    with pytest.raises(DataError, match="the endpoint is no address") as error:
        Endpoint("a", address, "m")
    assert "9X" not in str(error.value)


def test_a_plan_shows_no_password(folder: Path) -> None:
    judge = "judges:\n- {name: j, model: m, endpoint: 'https://me:pass-9X@a.example/v1'}\n"
    plan = read(folder, WHOLE.partition("judges:")[0] + judge)
    assert "pass-9X" in str(plan.specs[0].endpoint)
    assert "pass-9X" not in repr(plan)


@pytest.mark.parametrize("value", ["2026-01-01", ".nan", "{a: [.inf]}"])
def test_parameters_that_cannot_be_sent_are_told(folder: Path, value: str) -> None:
    text = f"candidates:\n- {{name: a, endpoint: 'https://a.example/v1', model: m, parameters: {{stop: {value}}}}}\n"
    assert "candidates.0.parameters: cannot be sent" in mistakes(folder, text)[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [("candidates: []\n", "line 1: candidates: is empty"),
     ("schema_version: 1\n", "candidates: Field required"),
     ("candidates:\n- {name: a, model: x}\ncandidates:\n- {name: b, model: y}\n", "given 2 times, on lines 1 and 3")],
)  # fmt: skip
def test_a_file_without_candidates_or_with_two_lists(folder: Path, text: str, told: str) -> None:
    assert told in "\n".join(mistakes(folder, text))


def test_files_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(RequirementsError, match=r"cannot read the candidates '.*none\.yaml'"):
        read_candidates(folder / "none.yaml")
    with pytest.raises(RequirementsError, match="is not valid YAML"):
        read(folder, "candidates: [")
    (folder / "candidates.yaml").write_bytes(b"system: \xff")
    with pytest.raises(RequirementsError, match="is not UTF-8 text"):
        read_candidates(folder / "candidates.yaml")


SOME = """
budget: {amount: 1}
candidates:
- {name: gone, model: models:/none/1}
- {name: big, endpoint: https://a.example/v1, model: m, price: {prompt: 2, completion: 1}, parameters: {max_tokens: 5}}
- {name: lost, answers: none.jsonl}
- {name: dear, endpoint: https://a.example/v1, model: other}
- {name: old, answers: old.jsonl, candidate: before}
"""


def test_only_those_that_are_asked_are_made(folder: Path) -> None:
    """So what is wrong with another, its file, its price or its model, ends nothing."""
    made = list[str]()

    def maker(spec: Spec) -> Made:
        made.append(spec.name)
        return Made(spec)

    (folder / "candidates.yaml").write_text(SOME, encoding="utf-8")
    path = folder / "candidates.yaml"
    plan = read_candidates(path, {"model": maker}, only=["old", "big"])
    assert [candidate.name for candidate in plan.candidates] == ["big", "old"]  # as in the file
    assert [spec.name for spec in plan.specs] == ["big", "old"]
    assert (made, plan.notes) == ([], ())
    with pytest.raises(RequirementsError) as error:
        read_candidates(path, {"model": maker}, only=["gone", "lost"])
    assert made == ["gone"]
    assert [line[:30] for line in str(error.value).splitlines()[1:]] == ["  line 6: candidates.2.answers"]
    told = r"nobody is called 'bgi'; candidates are \['gone', 'big', 'lost', 'dear', 'old'\]\. Did you mean 'big'\?"
    with pytest.raises(RequirementsError, match=told):
        read_candidates(path, only=["old", "bgi"])


@pytest.mark.parametrize(
    ("part", "write"),
    [("budget: 3", "{amount: 3, currency: USD} (given: 3)"),
     ("budget: 0.5\ncurrency: EUR", "{amount: 0.5, currency: EUR}"),
     ("budget: 3 CNY", "{amount: 5, currency: USD} (given: '3 CNY')"), ("budget: [3]", "{amount: 5, currency: USD}"),
     ("budget: true", "{amount: 5, currency: USD}"), ("budget: -1", "{amount: 5, currency: USD}")],
)  # fmt: skip
def test_how_a_budget_is_written_is_told(folder: Path, part: str, write: str) -> None:
    told = mistakes(folder, f"{part}\ncandidates:\n- {{name: old, answers: old.jsonl, candidate: before}}\n")
    assert len(told) == 1
    assert told[0].startswith(f"  line 1: budget: write budget: {write}")
    corrected = write.partition(" (")[0]
    plan = read(folder, f"budget: {corrected}\ncandidates:\n- {{name: old, answers: old.jsonl, candidate: before}}\n")
    assert plan.budget


def test_an_mlflow_model_needs_its_maker(folder: Path) -> None:
    (folder / "candidates.yaml").write_text("candidates:\n- {name: a, model: models:/x/1}\n")
    with pytest.raises(RequirementsError, match=r"line 2: candidates\.0\.model: an MLflow model is asked by"):
        read_candidates(folder / "candidates.yaml")


def test_a_price_is_the_candidates_own_else_of_the_tables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "own_prices", lambda: {"m": Price(1, 1), "n": Price(2, 2)})
    table = "date: 2026-11-01\nsource: the contract\nmodels: {{m: {{prompt: {0}, completion: {0}}}}}\n"
    (folder / "own.yaml").write_text(table.format(3))
    (folder / "given.yaml").write_text(table.format(4))
    ends = "endpoint: http://a.example/v1, model:"
    text = f"candidates:\n- {{name: a, {ends} m}}\n- {{name: b, {ends} n}}\n"

    def prices(text: str, **more: object) -> list[float | None]:
        return [c.price and c.price.prompt for c in read(folder, text, **more).candidates]  # type: ignore[attr-defined]

    assert prices(text) == [1, 2]
    assert prices(text + "prices: own.yaml\n") == [3, 2]
    assert prices(text + "prices: own.yaml\n", prices=folder / "given.yaml") == [4, 2]
    assert prices(text.replace("n}", "n, price: {prompt: 9, completion: 9}}")) == [1, 9]
    euros = read(folder, text + "currency: EUR\n")
    assert euros.notes[0].startswith("a: a price in USD is known of 'm', so what it costs is not shown in EUR")


def test_the_example_of_the_documentation_is_whole(folder: Path) -> None:
    """Nothing in it is wrong but that its files are not here."""
    page = (Path(__file__).parents[2] / "docs" / "asking.md").read_text(encoding="utf-8")
    plan_text, table = re.findall(r"```yaml\n(.*?)```", page, re.S)
    (folder / "recorded").mkdir()
    (folder / "old.jsonl").rename(folder / "recorded" / "old.jsonl")
    with pytest.raises(RequirementsError) as error:
        read(folder, plan_text + "nothing: else\n")
    assert len(str(error.value).splitlines()) == 2
    plan = read(folder, plan_text)
    assert [candidate.name for candidate in plan.candidates] == ["hosted", "local", "old", "ours"]
    assert plan.budget
    (folder / "prices.yaml").write_text(table)
    assert read_prices(folder / "prices.yaml")["example-large"].source == "our contract with the provider, 2026-11-01"
