"""JSON Schemas: what is wrong with one, and why a value does not fit it. No reference is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mlflow_evalplus.core.extra import needed

PURPOSE = "questions with a JSON Schema"
LONGEST = 200  # characters of a reason


def schema_mistake(schema: Mapping[str, Any]) -> str:
    """Return why a JSON Schema is none, in words; nothing where it is one.

    Raises
    ------
    EvalPlusError
        The package jsonschema is not installed.

    Examples
    --------
    >>> schema_mistake({"type": "object"}), schema_mistake({"type": "thing"})[:29]
    ('', "type: 'thing' is not valid un")
    """
    return _mistake(json.dumps(schema))


@lru_cache(maxsize=1024)
def _mistake(schema: str) -> str:
    jsonschema, content = needed("jsonschema", PURPOSE), json.loads(schema)
    try:
        _kind(content).check_schema(content)
    except jsonschema.SchemaError as error:
        where = "/".join(map(str, error.absolute_path))
        return f"{where + ': ' if where else ''}{error.message}"[:LONGEST]
    except Exception as error:  # a bad pattern, or a schema that refers to itself without end
        return str(error)[:LONGEST]
    return ""


def unfit(value: Any, schema: Mapping[str, Any]) -> str:
    """Return why a value does not fit a schema, formats such as ``date`` too, in words; nothing where it does.

    Raises
    ------
    ValueError
        The schema cannot be applied: a reference in it leads nowhere, a pattern is none.

    Examples
    --------
    >>> unfit({"day": "soon"}, {"properties": {"day": {"format": "date"}}}), unfit(3, {"type": "integer"})
    ("$.day: 'soon' is not a 'date'", '')
    """
    validator = _validator(json.dumps(schema))
    best_match = needed("jsonschema.exceptions", PURPOSE).best_match
    try:
        error = best_match(validator.iter_errors(value))
    except RecursionError:
        return "it is nested too deeply"
    except Exception as error:
        raise ValueError(str(error)[:LONGEST]) from error
    if error is None:
        return ""
    where = "" if error.json_path == "$" else f"{error.json_path}: "
    return f"{where}{error.message}"[:LONGEST]


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Any:
    content = json.loads(schema)
    kind = _kind(content)
    registry = needed("referencing", PURPOSE).Registry()  # nothing is fetched from the net
    return kind(content, registry=registry, format_checker=kind.FORMAT_CHECKER)


def _kind(schema: Mapping[str, Any]) -> Any:
    jsonschema = needed("jsonschema", PURPOSE)
    return jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
