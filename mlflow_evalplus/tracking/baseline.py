"""Which run to compare with, by what a user types: a run, the previous one, or a registered model's champion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError, shorten
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.reader import find_runs
from mlflow_evalplus.tracking.registry import versions
from mlflow_evalplus.tracking.registry.events import CHAMPION

PREVIOUS = "previous"
MODEL = re.compile(r"models:/(?P<name>[^@]+?)(@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def names_version(given: str) -> bool:
    """Return whether what was typed names a registered model's version: ``champion`` or ``models:/…``."""
    return given == CHAMPION or MODEL.fullmatch(given) is not None


def find_baseline(given: str, runs: Sequence[Run], experiment: str | None = None, *, name: str | None = None) -> Run:
    """Return the run to compare `runs` with.

    Parameters
    ----------
    given : str
        A run's id or name; ``previous``, the newest evaluated run on the same test set that is older than all of
        `runs`; ``champion``, the run behind that alias, where one registered model has it; or a model's address,
        ``models:/sentiment@champion`` or ``models:/sentiment/3``. A run that is really called ``previous`` or
        ``champion`` is given by its id. Of a registered model's version it is the newest evaluated run of its model on
        the test set of the first of `runs`, else the run that it was promoted from.
    runs : sequence of Run
    experiment : str, optional
        Search for names in this experiment only.
    name : str, optional
        The registered model whose champion is meant by ``champion``.

    Raises
    ------
    TrackingError
        There is no such run, or several champions; the message says what exists.
    """
    if given == PREVIOUS:
        return _previous(runs)
    digest = runs[0].data.tags.get(names.TAG_DATA_DIGEST, "")
    if given == CHAMPION:
        return run_of_model(name or _only_champion(), alias=CHAMPION, data_digest=digest)
    model = MODEL.fullmatch(given)
    if model:
        return run_of_model(model["name"], alias=model["alias"], version=model["version"], data_digest=digest)
    return find_runs([given], experiment)[0]


def run_of_model(name: str, *, alias: str | None = None, version: str | None = None, data_digest: str = "") -> Run:
    """Return the evaluated run behind a version of a registered model.

    It is the newest of its model on the test set of this digest; else the one that it was promoted from, else the
    newest of its model.

    Raises
    ------
    TrackingError
        There is no such model, alias or version, or nobody has evaluated it.
    """
    client = store.client()
    with store.reaching():
        model = versions.registered(client, name)
        if alias:
            if alias not in model.aliases:
                known = f"aliases are {shorten(sorted(model.aliases))}" if model.aliases else "it has none"
                raise TrackingError(f"{name!r} has no alias {alias!r}; {known}")
            version = str(model.aliases[alias])
        return versions.run_of(client, versions.existing(client, name, str(version)), name, data_digest)


def _previous(runs: Sequence[Run]) -> Run:
    first = min(runs, key=lambda run: run.info.start_time)
    digest = first.data.tags.get(names.TAG_DATA_DIGEST, "")
    with store.reaching():
        found = store.client().search_runs(
            [first.info.experiment_id],
            f"tags.`{names.TAG_KIND}` = '{names.KIND_EVALUATION}' AND tags.`{names.TAG_DATA_DIGEST}` = '{digest}' "
            f"AND attributes.start_time < {first.info.start_time}",
            order_by=["attributes.start_time DESC"], max_results=1,
        )  # fmt: skip
    if not found:
        raise TrackingError(
            f"there is no evaluated run before {first.info.run_name!r} on the same test set in its experiment; name a "
            "baseline by its run"
        )
    return found[0]


def _only_champion() -> str:
    with store.reaching():
        models = [model.name for model in store.client().search_registered_models() if CHAMPION in model.aliases]
    if len(models) != 1:
        which = (
            f"the models {shorten(models)} have one; name it: models:/NAME@champion" if models else "promote one first"
        )
        raise TrackingError(f"which champion? {which}")
    return str(models[0])
