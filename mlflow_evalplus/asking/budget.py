"""A cap in money over a whole selection: a call is made only where the most that it can cost is left."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Protocol, runtime_checkable

from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import EvalPlusError

# Tokens that a server puts around a conversation and each of its messages, at most.
AROUND, PER_MESSAGE = 64, 16
OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens", "max_new_tokens")
NEEDS_PRICE = "give 'price: {prompt: …, completion: …}', 0 each where nothing is charged"
NEEDS_LIMIT = "give 'max_tokens' among its parameters, so that what a call costs at most is known before it is made"
MAYBE_CHARGED = ("timeout", "connection")  # the server may have answered, and count it


@runtime_checkable
class Priced(Protocol):
    """A candidate whose calls cost money."""

    price: Price | None
    max_tokens: int | None


def prompt_bound(request: Request) -> int:
    """Return tokens that a prompt has at most: none is shorter than a byte.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> prompt_bound(Request("q", (Message("user", "你好"),)))
    86
    """
    return AROUND + sum(
        PER_MESSAGE + len(message.content.encode("utf-8", "surrogatepass")) for message in request.messages
    )


def most_money(candidate: object, request: Request) -> float:
    """Return the most that a call costs; 0 where nothing is charged by token.

    Raises
    ------
    EvalPlusError
        The candidate has no price, or its answers have no limit.
    """
    if not isinstance(candidate, Priced):
        return 0.0
    if candidate.price is None:
        raise EvalPlusError(f"a budget needs a price of {_name(candidate)}: {NEEDS_PRICE}")
    if candidate.max_tokens is None and candidate.price.completion:
        raise EvalPlusError(f"a budget needs a limit of the answers of {_name(candidate)}: {NEEDS_LIMIT}")
    return candidate.price.of(prompt_bound(request), candidate.max_tokens or 0)


def _name(candidate: object) -> str:
    return repr(getattr(candidate, "name", "?"))


class Budget:
    """Money that may be spent in all, by reservation: it is not exceeded, as no call costs more than its reserve.

    Parameters
    ----------
    amount : float
    currency : str

    Examples
    --------
    >>> budget = Budget(1.0)
    >>> budget.reserve(0.8), budget.reserve(0.8)
    (True, False)
    >>> budget.settle("first", 0.8, 0.1)
    >>> budget.reserve(0.8), budget.spent
    (True, 0.1)
    """

    def __init__(self, amount: float, currency: str = "USD") -> None:
        self.amount, self.currency = amount, currency
        self.spent, self._reserved, self._in_flight = 0.0, 0.0, 0
        self._counted: set[Hashable] = set()

    def __repr__(self) -> str:
        return f"Budget({self.amount:g} {self.currency}, {self.spent:g} spent)"

    @property
    def in_flight(self) -> int:
        """Calls that have a reserve."""
        return self._in_flight

    def reserve(self, most: float) -> bool:
        """Set money aside for a call; False where less is left."""
        if self.spent + self._reserved + most > self.amount * (1 + 1e-9):
            return False
        self._reserved += most
        self._in_flight += 1
        return True

    def settle(self, call: Hashable, most: float, money: float) -> None:
        """Give a reserve back and count what the call cost; where that is not known (nan), the whole reserve."""
        self._in_flight -= 1
        self._reserved = self._reserved - most if self._in_flight else 0.0
        self.spent += most if math.isnan(money) else money
        self._counted.add(call)

    def count(self, call: Hashable, money: float) -> None:
        """Count a call that was made before, by an earlier run of the same selection; once only."""
        if call not in self._counted and not math.isnan(money):
            self._counted.add(call)
            self.spent += money
