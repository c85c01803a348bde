"""What every part of requirements.yaml is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

TRUTHS = "YAML reads yes, no, on, off as true and false"


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{TRUTHS}; give a number")
    return value


Name = Annotated[str, StringConstraints(min_length=1)]
NoTruth = BeforeValidator(_no_truth)
Number = Annotated[float, NoTruth]
Count = Annotated[int, NoTruth]


class Part(BaseModel):
    """A mapping of known keys; nothing else is taken."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )
