"""What `doctor` checks."""

from __future__ import annotations

import platform
import warnings
from dataclasses import dataclass
from importlib import metadata

import mlflow

from mlflow_evalplus.errors import EvalPlusError
from mlflow_evalplus.tracking import spool, store

EVALUATORS = ("evalplus", "evalplus-answers")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def diagnose() -> list[Check]:
    """Return every check; none of them raises."""
    return [_plugin(), _versions(), _store(), *_spool()]


def _plugin() -> Check:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        known = mlflow.models.list_evaluators()
    missing = [name for name in EVALUATORS if name not in known]
    if not missing:
        return Check("plugin", True, f"MLflow sees the evaluators {' and '.join(map(repr, EVALUATORS))}")
    trouble = [str(w.message) for w in caught if "evalplus" in str(w.message)]
    why = trouble[0] if trouble else "its entry point is not installed; run: pip install mlflow-evalplus"
    return Check("plugin", False, f"MLflow does not see {missing[0]!r}: {why}")


def _versions() -> Check:
    packages = ("mlflow-evalplus", "mlflow", "pandas", "scikit-learn", "pyarrow", "narwhals")
    found = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    return Check("versions", True, f"Python {platform.python_version()}, {found}")


def _store() -> Check:
    uri = store.without_password(mlflow.get_tracking_uri())
    try:
        client = store.client()
        with store.reaching():
            experiments = client.search_experiments(max_results=100)
    except EvalPlusError as error:
        return Check("store", False, str(error))
    return Check("store", True, f"{uri} answers; {len(experiments)} experiments")


def _spool() -> list[Check]:
    """Say what could not be logged and waits; nothing where nothing does."""
    found = {place: len(spool.parcels(place)) for place in spool.places()}
    told = [f"{n} in {place}" for place, n in found.items() if n]
    return (
        [Check("spool", True, f"kept, not yet logged: {', '.join(told)}; run: mlflow-evalplus resume")] if told else []
    )
