"""YAML from outside: plain values only, and bounded in size, depth and in what its anchors grow to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from mlflow_evalplus.errors import RequirementsError
from mlflow_evalplus.limits import DEPTH, NODES, YAML, read_at_most


def read_yaml(path: str | Path, encoding: str = "utf-8") -> str:
    """Return the text of a YAML file.

    Raises
    ------
    RequirementsError
        It is larger than `mlflow_evalplus.limits.YAML` allows.
    OSError, UnicodeDecodeError
        It cannot be read; the caller knows what to do about it.
    """
    return read_at_most(Path(path), YAML, "is it the right file?", RequirementsError).decode(encoding)


def safe_content(text: str, origin: str) -> Any:
    """Return what a YAML text holds; `origin` is what errors call it.

    Raises
    ------
    RequirementsError
        It is not YAML, holds what is no plain value, or is too large.

    Examples
    --------
    >>> safe_content("a: [1, yes]", "rules.yaml")
    {'a': [1, True]}
    """
    node = safe_node(text, origin)
    with told(origin):
        return content_of(node)


def safe_node(text: str, origin: str) -> yaml.Node | None:
    """Return the root of a YAML text that is bounded; None where it is blank.

    Raises
    ------
    RequirementsError
    """
    YAML.check(len(text), origin, "is it the right file?", RequirementsError)
    with told(origin):
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return None
    size, depth = _extent(node, origin)
    NODES.check(size, origin, "write it without anchors and merges (&, *, <<) of others", RequirementsError)
    DEPTH.check(depth, origin, "write it flatter", RequirementsError)
    return node


def content_of(node: yaml.Node | None) -> Any:
    """Return the plain values of a node."""
    return None if node is None else yaml.constructor.SafeConstructor().construct_document(node)


@contextmanager
def told(origin: str) -> Iterator[None]:
    """Turn what PyYAML raises into our error."""
    try:
        yield
    except RecursionError:
        raise RequirementsError(f"{origin} is not valid YAML: it is nested too deeply; write it flatter") from None
    # PyYAML lets a month 13, an integer of 5,000 digits and a tag that does not fit its value through as these
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise RequirementsError(f"{origin} is not valid YAML: {_said(error)}") from None


def _said(error: Exception) -> str:
    """Return what PyYAML found on one line, the place first."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split()) or type(error).__name__
    place = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    if "could not determine a constructor" in str(error.problem):
        tag = str(error.problem).split("tag ", 1)[-1]
        return f"{place}: the tag {tag} is not read; write a plain value"
    begun = f"{error.context} of line {error.context_mark.line + 1}" if error.context and error.context_mark else ""
    return f"{place}: {', '.join(filter(None, (begun, error.problem)))}"


def _extent(root: yaml.Node, origin: str) -> tuple[int, int]:
    """Return how many values a document has, and how deep it is, once every alias is followed."""
    known: dict[int, tuple[int, int]] = {}
    waiting, above = [(root, False)], set[int]()
    while waiting:
        node, done = waiting.pop()
        if id(node) in known:
            continue
        inner = _inner(node)
        if done:
            extents = [known[id(part)] for part in inner]
            size, depth = 1 + sum(size for size, _ in extents), 1 + max((depth for _, depth in extents), default=0)
            known[id(node)] = min(size, 10**15), depth
            above.discard(id(node))
            continue
        if id(node) in above:
            raise RequirementsError(f"{origin} is not valid YAML: an anchor on line {node.start_mark.line + 1} holds "
                                    "itself; write its content out")  # fmt: skip
        above.add(id(node))
        waiting.append((node, True))
        waiting += [(part, False) for part in inner]
    return known[id(root)]


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
