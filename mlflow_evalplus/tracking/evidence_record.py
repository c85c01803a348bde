"""evidence.json: the A/B test and the human ratings of a run as strict JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from functools import cache
from tempfile import TemporaryDirectory

from mlflow.tracking import MlflowClient
from pydantic import TypeAdapter, ValidationError

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results.evidence import Evidence
from mlflow_evalplus.tracking.record import content_of, read_text, strict


@cache
def _adapter() -> TypeAdapter[dict[str, Evidence]]:
    return TypeAdapter(dict[str, Evidence])


def dump(evidences: Iterable[Evidence]) -> str:
    """Return strict JSON, source → evidence; a number that is not finite becomes the string ``"NaN"`` or the like."""
    content = _adapter().dump_python({evidence.source: evidence for evidence in evidences})
    whole = {"schema_version": names.SCHEMA_VERSION, "evidence": strict(content)}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def parse(text: str, origin: str) -> tuple[Evidence, ...]:
    """Return the evidence that `dump` wrote.

    Raises
    ------
    TrackingError
        It was written by another schema version, or is damaged.
    """
    content = content_of(text, origin)
    try:
        return tuple(_adapter().validate_python(content.get("evidence")).values())
    except (AttributeError, ValidationError) as error:
        raise TrackingError(f"{origin} is damaged: {error}") from None


def merged(old: Iterable[Evidence], new: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return all evidence, one of each source; the new ones replace the old."""
    found = {evidence.source: evidence for evidence in (*old, *new)}
    return tuple(found[source] for source in sorted(found))


def read_evidence(client: MlflowClient, run_id: str, logged: Collection[str]) -> tuple[Evidence, ...]:
    """Return the evidence that was logged on a run; nothing where `logged`, its files in ``evalplus/``, has none."""
    if names.EVIDENCE not in logged:
        return ()
    with TemporaryDirectory(prefix="evalplus-") as folder:
        path = client.download_artifacts(run_id, names.EVIDENCE, folder)
        origin = f"{names.EVIDENCE} of run {run_id}"
        return parse(read_text(path, origin), origin)
