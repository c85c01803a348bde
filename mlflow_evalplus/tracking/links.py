"""Addresses of MLflow's pages, and how to serve them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import mlflow
from mlflow.entities import Run

from mlflow_evalplus.tracking import store

LOCAL = "http://127.0.0.1:5000"


def server() -> str:
    """Return the tracking server's address, without user and password; without a server, that of ``mlflow ui``."""
    uri = mlflow.get_tracking_uri()
    return store.without_password(uri).rstrip("/") if uri.startswith(("http://", "https://")) else LOCAL


def serve_command() -> str:
    """Return the command that serves this store, to be run in this folder; empty where a server is running already."""
    uri = mlflow.get_tracking_uri()
    if uri.startswith(("http://", "https://", "databricks")):
        return ""
    here = Path.cwd()
    if uri in ("sqlite:///mlflow.db", f"sqlite:///{here / 'mlflow.db'}", (here / "mlruns").as_uri()):
        return "mlflow ui"
    return f"mlflow ui --backend-store-uri {shlex.quote(store.without_password(uri))}"


def run_page(experiment_id: str, run_id: str) -> str:
    """Return the address of a run in MLflow's pages."""
    return f"{server()}/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"


def artifact_page(run: Run, path: str) -> str:
    """Return the address of one of a run's artifacts in MLflow's pages."""
    where = f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/{path}"
    return f"{server()}/#/{where}?workflowType=machine_learning"


def compare_page(server: str, run_ids: Sequence[str], experiment_ids: Sequence[str]) -> str:
    """Return the address of MLflow's compare page for some runs.

    Examples
    --------
    >>> compare_page("http://127.0.0.1:5000", ["a1", "b2"], ["0", "0"])
    'http://127.0.0.1:5000/#/compare-runs?runs=[%22a1%22,%22b2%22]&experiments=[%220%22]&workflowType=machine_learning'
    """
    ids = ",".join(f"%22{run_id}%22" for run_id in run_ids)
    where = ",".join(dict.fromkeys(f"%22{experiment_id}%22" for experiment_id in experiment_ids))
    return f"{server}/#/compare-runs?runs=[{ids}]&experiments=[{where}]&workflowType=machine_learning"
