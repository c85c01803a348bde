"""A YAML file that a person writes: every mistake in it is found at once and named with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from mlflow_evalplus.errors import RequirementsError, did_you_mean, shorten
from mlflow_evalplus.requirements.base import TRUTHS
from mlflow_evalplus.requirements.safe_yaml import content_of, safe_node, told

Where = tuple[object, ...]


class Parsed(NamedTuple):
    """The content of a YAML mapping, the line of every key and item, and the keys that are given more than once."""

    content: dict[str, Any]
    lines: dict[Where, int]
    repeated: list[tuple[int, str]]


def parse_yaml(text: str, origin: str) -> Parsed:
    """Read a YAML text; `origin` is what errors call it.

    Raises
    ------
    RequirementsError
        It is not YAML, or holds no mapping.
    """
    node = safe_node(text, origin)
    with told(origin):
        lines = dict(_lines(node))
        repeated = list(_repeated(node))
        content = content_of(node)
    if not isinstance(content, dict):
        raise RequirementsError(f"{origin} holds no mapping; it should begin with 'schema_version: 1'")
    return Parsed(content, lines, repeated)


def listed(
    mistakes: Sequence[tuple[Where, str]], origin: str, lines: Mapping[Where, int],
    repeated: Sequence[tuple[int, str]] = (),
) -> RequirementsError:  # fmt: skip
    """Return the error that lists all mistakes in the order of their lines."""
    found = sorted([*repeated, *((_line(where, lines), f"{_dotted(where)}: {told}") for where, told in mistakes)])
    count = f"{len(found)} mistake" + "s" * (len(found) > 1)
    shown = "\n".join(f"  line {line}: {told}" if line else f"  {told}" for line, told in found)
    return RequirementsError(f"{origin} has {count}:\n{shown}")


def _lines(node: yaml.Node | None, path: Where = ()) -> Iterator[tuple[Where, int]]:
    """Yield the line, from 1, of every key and item."""
    if node is None:
        return
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value, "[key]"), key.start_mark.line + 1
            yield from _lines(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*path, index))


def _repeated(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield the line and the words for a key that a mapping holds twice: YAML would keep the last, and say nothing."""
    constructor, seen = yaml.constructor.SafeConstructor(), set()
    waiting: list[tuple[Where, Any]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:  # an alias leads here again
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*path, index), item) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            continue
        places: dict[str, list[yaml.Node]] = {}
        for key, value in node.value:
            merges = key.tag == "tag:yaml.org,2002:merge"
            # as labels 1, 0x1 and "1" are one name
            meant = key.value if merges else str(constructor.construct_object(key, deep=True))
            places.setdefault(meant, []).append(key)
            waiting.append(((*path, key.value), value))
        for keys in places.values():
            lines = list(dict.fromkeys(key.start_mark.line + 1 for key in keys))
            if len(keys) > 1:
                on = f"line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}"
                words = f"given {len(keys)} times, on {on}; only the last would count: give it once"
                yield lines[-1], f"{_dotted((*path, keys[-1].value))}: {words}"


def _dotted(location: Where) -> str:
    return ".".join(str(part) for part in location if part != "[key]")


def _line(location: Where, lines: Mapping[Where, int]) -> int:
    location = tuple(part for part in location if part != "[key]")
    while location:
        for candidate in ((*location, "[key]"), location):
            if candidate in lines:
                return lines[candidate]
        location = location[:-1]
    return 0


def words(mistake: Any, known_keys: Callable[[Where], list[str]]) -> str:
    """Return what pydantic found wrong, in our words; `known_keys` are those of the mapping that a place is in."""
    if mistake["type"] == "extra_forbidden":
        key, known = str(mistake["loc"][-1]), known_keys(mistake["loc"])
        return f"unknown key; keys are {shorten(known, 20)}.{did_you_mean(key, known)}"
    given = mistake.get("input")
    if isinstance(given, bool) and mistake["type"] == "string_type":
        return f"{TRUTHS}; put the word in quotes"
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float, bool)) else ""
    return str(mistake["msg"]).removeprefix("Value error, ") + shown
