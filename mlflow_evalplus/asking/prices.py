"""What tokens cost: a candidate's own price, or that of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from mlflow_evalplus.errors import RequirementsError
from mlflow_evalplus.requirements.base import Name, Number, Part
from mlflow_evalplus.requirements.mistakes import Where, listed, parse_yaml, words
from mlflow_evalplus.requirements.safe_yaml import read_yaml
from mlflow_evalplus.results.answers import Answer

OWN_TABLE = Path(__file__).with_name("prices.yaml")
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Money per million tokens of the prompt, of the completion, and of the prompt's part that was cached.

    Attributes
    ----------
    prompt, completion : float
    cached : float
        nan where cached tokens cost as much as others.
    currency : str
    source : str
        Where it is from, with its date; empty where the user gave it.
    """

    prompt: float
    completion: float
    cached: float = math.nan
    currency: str = "USD"
    source: str = ""

    def of(self, prompt_tokens: int | None, completion_tokens: int | None, cached_tokens: int | None = None) -> float:
        """Return the money that so many tokens cost; nan where the server does not count.

        Examples
        --------
        >>> Price(2, 8, cached=1).of(1_000_000, 500_000, 400_000)
        5.6
        """
        if not (self.prompt or self.completion):
            return 0.0
        if prompt_tokens is None or completion_tokens is None:
            return math.nan
        cached = min(cached_tokens or 0, prompt_tokens) if self.cached == self.cached else 0
        fresh = (prompt_tokens - cached) * self.prompt + (cached * self.cached if cached else 0.0)
        return (fresh + completion_tokens * self.completion) / MILLION

    def charged(self, answer: Answer) -> Answer:
        """Return the answer with its money by this price; one that never came costs nothing that is known."""
        if not answer.answered:
            return answer
        money = self.of(answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens)
        return replace(answer, money=money)

    def __str__(self) -> str:
        cached = f", {self.cached:g} cached" if self.cached == self.cached else ""
        return f"{self.prompt:g} in, {self.completion:g} out{cached} {self.currency} per million tokens"


class PriceEntry(Part):
    """A price as it is written in candidates.yaml and in a table."""

    prompt: Number = Field(ge=0)
    completion: Number = Field(ge=0)
    cached: Number | None = Field(default=None, ge=0)
    currency: Name | None = None

    @field_validator("cached")
    @classmethod
    def _cached_is_cheaper(cls, cached: float | None, info: ValidationInfo) -> float | None:
        if cached is not None and cached > info.data.get("prompt", cached):
            raise ValueError("cached tokens cost no more than others of the prompt; it is the price of reading them")
        return cached

    def price(self, currency: str, source: str = "") -> Price:
        """Return it in its own currency, else in the given one."""
        cached = math.nan if self.cached is None else self.cached
        return Price(self.prompt, self.completion, cached, self.currency or currency, source)


class _Table(Part):
    schema_version: int = 1
    currency: Name = "USD"
    date: date | Name
    source: Name
    models: Mapping[Name, PriceEntry] = {}


def read_prices(path: str | Path) -> dict[str, Price]:
    """Return the prices of a table by the model's name.

    Raises
    ------
    RequirementsError
        It cannot be read; every mistake in it is listed with its line.
    """
    try:
        text = read_yaml(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RequirementsError(f"cannot read the prices {str(path)!r}: {why}") from None
    found = parse_yaml(text, str(path))
    try:
        table = _Table.model_validate(found.content)
    except ValidationError as error:
        mistakes = [(tuple(e["loc"]), words(e, _known_keys)) for e in error.errors()]
        raise listed(mistakes, str(path), found.lines, found.repeated) from None
    if found.repeated:
        raise listed([], str(path), found.lines, found.repeated)
    source = f"{table.source}, {table.date}"
    return {name: entry.price(table.currency, source) for name, entry in table.models.items()}


def _known_keys(where: Where) -> list[str]:
    return list((PriceEntry if len(where) > 1 else _Table).model_fields)


@cache
def own_prices() -> Mapping[str, Price]:
    """Return the prices that come with this package."""
    return read_prices(OWN_TABLE)
