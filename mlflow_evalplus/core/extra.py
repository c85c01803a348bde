"""Packages that only the selection of models needs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mlflow_evalplus.errors import EvalPlusError


def needed(module: str, purpose: str) -> Any:
    """Return a module of the extra ``selection``.

    Raises
    ------
    EvalPlusError
        It is not installed.

    Examples
    --------
    >>> needed("no_such_module", "answers of the type json")
    Traceback (most recent call last):
    ...
    mlflow_evalplus.errors.EvalPlusError: answers of the type json need no_such_module, which is not installed; \
install it with: pip install 'mlflow-evalplus[selection]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise EvalPlusError(
            f"{purpose} need {error.name}, which is not installed; "
            "install it with: pip install 'mlflow-evalplus[selection]'"
        ) from error
