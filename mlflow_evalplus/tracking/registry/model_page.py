"""The history on the registered model's own page, where MLflow would show its tags only."""

from __future__ import annotations

from contextlib import suppress

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from mlflow_evalplus.render import promotions
from mlflow_evalplus.tracking.registry import ledger


def write(client: MlflowClient, name: str) -> None:
    """Write the history into the model's description, where that is empty or written by us.

    What MLflow refuses is left: the ledger holds the history, this is its picture.
    """
    with suppress(MlflowException, OSError):
        found = client.get_registered_model(name).description or ""
        if found.strip() and not found.startswith(promotions.MARK):
            return
        text = promotions.page(ledger.read(client, name).frame().to_dict("records"))
        if text != found:
            client.update_registered_model(name, description=text)
