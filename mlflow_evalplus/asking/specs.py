"""candidates.yaml as it is written: what each part may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from mlflow_evalplus.asking.budget import NEEDS_LIMIT, NEEDS_PRICE, OUTPUT_LIMITS
from mlflow_evalplus.asking.prices import PriceEntry
from mlflow_evalplus.asking.secrets import mistake_in
from mlflow_evalplus.requirements.base import Count, Name, NoTruth, Number, Part
from mlflow_evalplus.requirements.mistakes import Where

Positive = Annotated[Number, Field(gt=0)]
KINDS = ("endpoint", "pipeline", "answers", "model")
# Which keys a kind takes, besides its own, `name` and `about`.
TAKES = {
    "endpoint": ("model", "api_key_env", "parameters", "stream", "concurrency", "requests_per_minute",
                 "tokens_per_minute", "max_retries", "timeout_s", "price"),
    "pipeline": ("revision", "device", "parameters", "concurrency"),
    "answers": ("candidate", "price"),
    "model": ("parameters", "concurrency"),
}  # fmt: skip
OURS = ("model", "messages", "stream", "n")  # of a call, and not among its parameters
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
SECRET = re.compile(
    r"api_?-?key|secret|passw|authorization|headers|credential|bearer|private_?-?key|"
    r"(access|auth|session|refresh|id)_?-?token$",
    re.IGNORECASE,
)


class Spec(Part):
    """One candidate: an endpoint, a local pipeline, recorded answers, or an MLflow model."""

    name: Name
    endpoint: Name | None = Field(default=None, repr=False)  # it may hold a password
    pipeline: Name | None = None
    answers: Name | None = None
    model: Name | None = None
    candidate: Name | None = None
    revision: Name | None = None
    device: Name | None = None
    api_key_env: Name | None = None
    parameters: Mapping[Name, Any] = {}
    stream: bool = False
    concurrency: Count | None = Field(default=None, ge=1)
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    max_retries: Count = Field(default=5, ge=0)
    timeout_s: Positive = 60.0
    price: PriceEntry | None = None
    about: Mapping[Name, str] = {}

    @property
    def kind(self) -> str:
        """One of `KINDS`; an endpoint has a `model` besides."""
        return next((kind for kind in KINDS if getattr(self, kind) is not None), "")


class Judge(Part):
    """One judge: an MLflow judge's model or an endpoint, or a file of recorded verdicts and preferences."""

    name: Name
    model: Name | None = None
    endpoint: Name | None = Field(default=None, repr=False)
    api_key_env: Name | None = None
    parameters: Mapping[Name, Any] = {}
    concurrency: Count | None = Field(default=None, ge=1)
    max_retries: Count = Field(default=5, ge=0)
    timeout_s: Positive = 60.0
    price: PriceEntry | None = None
    pairs: bool = False  # compares the candidates' answers two by two as well
    verdicts: Name | None = None
    preferences: Name | None = None


class Cap(Part):
    """Money that may be spent in all."""

    amount: Positive
    currency: Name | None = None


class PlanFile(Part):
    """The content of candidates.yaml."""

    schema_version: Annotated[Literal[1], NoTruth] = 1
    system: str = ""
    repeats: Count = Field(default=1, ge=1)
    currency: Name | None = None
    budget: Cap | None = None
    journal: Name | None = None
    prices: Name | None = None
    candidates: tuple[Spec, ...]
    judges: tuple[Judge, ...] = ()

    @field_validator("budget", mode="before")
    @classmethod
    def _is_cap(cls, given: object, info: ValidationInfo) -> object:
        if given is None or isinstance(given, Mapping | Cap):
            return given
        number = isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1e15
        amount = f"{given:g}" if number else "5"
        raise ValueError(f"write budget: {{amount: {amount}, currency: {info.data.get('currency') or 'USD'}}}")

    @property
    def money(self) -> str:
        """The currency of the file."""
        return self.currency or (self.budget and self.budget.currency) or "USD"


def known_keys(where: Where) -> list[str]:
    """Return the keys of the mapping that a place is in."""
    parts: dict[str, type[Part]] = {
        "candidates": Spec, "judges": Judge, "budget": Cap, "candidates.price": PriceEntry, "judges.price": PriceEntry
    }  # fmt: skip
    owner = parts.get(".".join(part for part in where[:-1] if isinstance(part, str)), PlanFile)
    return list(owner.model_fields)


def mistakes_in(file: PlanFile) -> Iterator[tuple[Where, str]]:
    """Yield what is wrong with a file whose parts are each well formed; nothing that may be a key is repeated."""
    if not file.candidates:
        yield ("candidates",), "is empty; name at least one who is asked"
    yield from _twice("candidates", [spec.name for spec in file.candidates])
    yield from _twice("judges", [judge.name for judge in file.judges])
    for number, spec in enumerate(file.candidates):
        for key, told in (*_of_kind(spec), *_of_call(spec), *_of_money(spec.price, file.money)):
            yield ("candidates", number, key), told
    for number, judge in enumerate(file.judges):
        if not (judge.model or judge.verdicts or judge.preferences):
            yield ("judges", number), "give a 'model' to be asked, or files of recorded 'verdicts' and 'preferences'"
        for key, told in (*_of_call(judge), *_of_money(judge.price, file.money)):
            yield ("judges", number, key), told
    if file.budget and file.budget.currency and file.budget.currency != file.money:
        yield ("budget", "currency"), f"money is counted in {file.money}; one file has one currency"


def _twice(part: str, names: Sequence[str]) -> Iterator[tuple[Where, str]]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield (part, number, "name"), f"{name!r} is the name of an earlier one; give each its own"


def _of_kind(spec: Spec) -> Iterator[tuple[str, str]]:
    given = [kind for kind in KINDS if getattr(spec, kind) is not None]
    if given[:2] == ["endpoint", "model"]:
        given = ["endpoint"]
    if len(given) != 1:
        one = "an 'endpoint' with its 'model', a 'pipeline', recorded 'answers', or an MLflow 'model'"
        yield "name", f"give {one}; {spec.name!r} has {' and '.join(given) or 'none'}"
        return
    takes = TAKES[given[0]]
    for key in spec.model_fields_set - {given[0], "name", "about", *takes}:
        yield key, f"does not go with '{given[0]}'; that takes {', '.join(takes)}"
    if spec.endpoint and not spec.model:
        yield "endpoint", "give the 'model' as well: its name as the server knows it"


def _of_call(part: Spec | Judge) -> Iterator[tuple[str, str]]:
    if part.endpoint:
        if wrong := mistake_in(part.endpoint):
            yield "endpoint", wrong
        elif urlsplit(part.endpoint).path.rstrip("/").endswith("/completions"):
            yield "endpoint", "give the base address, such as https://llm.example.com/v1, without /chat/completions"
    if part.api_key_env and not ENV_NAME.fullmatch(part.api_key_env):
        yield "api_key_env", "is the name of an environment variable that holds the key, such as EXAMPLE_API_KEY"
    for key in part.parameters:
        if key in OURS:
            yield "parameters", f"{key!r} is not among the parameters: it is sent by itself"
    for key in _names_in(part.parameters):
        if SECRET.search(key):
            yield "parameters", f"{key!r} may be a secret, and parameters are shown; name its variable in 'api_key_env'"
    try:
        json.dumps(dict(part.parameters), allow_nan=False)
    except (TypeError, ValueError):
        yield "parameters", "cannot be sent: they hold a date, a number that is none, or else what JSON does not know"


def _names_in(value: Any) -> Iterator[str]:
    """Yield every key of a mapping, those within it too."""
    if isinstance(value, Mapping):
        yield from map(str, value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for part in inner:
        yield from _names_in(part)


def _of_money(price: PriceEntry | None, currency: str) -> Iterator[tuple[str, str]]:
    if price and price.currency and price.currency != currency:
        yield "price", f"is in {price.currency}, and money is counted in {currency}; one file has one currency"


def budget_mistake(spec: Spec, *, priced: bool) -> str:
    """Return why a budget cannot hold a candidate; nothing where it can."""
    if spec.kind != "endpoint":
        return ""
    if not priced:
        return f"the budget needs its price: {NEEDS_PRICE}"
    return (
        "" if set(OUTPUT_LIMITS) & set(spec.parameters) else f"the budget needs a limit of its answers: {NEEDS_LIMIT}"
    )
