"""A verdict as JUnit XML, which every CI system shows as a list of tests: one for each gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from mlflow_evalplus.render.data_checks import untrusted
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.results import Evaluation, Gate, Outcome

MAX_NAME = 300
MAX_MESSAGE = 1000
SUITE = "mlflow-evalplus gate"
NO_THRESHOLD = "no threshold was given"
# Not characters of XML 1.0, as the control characters and surrogates are that `visible` shows.
_NO_CHARACTERS = {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}


def junit(evaluation: Evaluation, run: str, run_id: str = "") -> str:
    """Return the verdict as JUnit XML: one test suite, one test case for each gate.

    What fails and what is undecided are both failures, told apart by their type: CI systems take what is skipped for
    passed, and some of them what is an error too. Without any gate there is one test case, and it fails.

    Parameters
    ----------
    evaluation : Evaluation
        With its verdict.
    run : str
        The run's name, which is the class of the test cases.
    run_id : str

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> text = junit(evaluate(pd.DataFrame({"label": ["a"], "prediction": ["a"]})), "words")
    >>> print(ET.fromstring(text).find(".//testcase").attrib)
    {'classname': 'words', 'name': 'no threshold was given', 'time': '0'}
    """
    verdict, asked = evaluation.verdict, evaluation.requirements
    cases = list(_cases(verdict.gates)) or [
        (NO_THRESHOLD, "no_threshold", "nothing was asked: add thresholds to requirements.yaml")
    ]
    facts = {
        "run": run, "run_id": run_id, "verdict": verdict.outcome.value,
        "baseline": verdict.baseline, "requirements_digest": asked.digest if asked else "",
        "data_digest": evaluation.data_digest,
        "examples": str(evaluation.n),
        **{f"data_error_{i}": error for i, error in enumerate(untrusted(evaluation), start=1)},
        **{f"note_{i}": note for i, note in enumerate(verdict.notes, start=1)},
    }  # fmt: skip
    return _document(run, cases, facts)


def junit_error(message: str, run: str = "") -> str:
    """Return JUnit XML of one failing test case: why there is no verdict."""
    return _document(run or SUITE, [("there is a verdict", "error", message)], {})


def _cases(gates: Sequence[Gate]) -> Iterator[tuple[str, str, str]]:
    """Yield (requirement, kind of failure or "", reason) of each gate."""
    for gate in gates:
        kind = "" if gate.outcome is Outcome.PASS else gate.outcome.value
        yield gate.requirement, kind, gate.reason.removeprefix(f"{gate.requirement}: ")


def _document(run: str, cases: Sequence[tuple[str, str, str]], facts: dict[str, str]) -> str:
    failures = str(sum(bool(kind) for _, kind, _ in cases))
    counts = {"tests": str(len(cases)), "failures": failures, "errors": "0", "skipped": "0", "time": "0"}
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", {"name": SUITE, **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in facts.items():
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    seen: dict[str, int] = {}
    for requirement, kind, reason in cases:
        name = _text(requirement, MAX_NAME)
        seen[name] = seen.get(name, 0) + 1  # of two tests with one name GitLab shows the first only
        name += f" ({seen[name]})" if seen[name] > 1 else ""
        case = ET.SubElement(suite, "testcase", {"classname": _text(run, MAX_NAME), "name": name, "time": "0"})
        if kind:
            failure = ET.SubElement(case, "failure", {"type": kind, "message": _text(reason)})
            failure.text = _text(reason)  # GitLab shows the content, Jenkins and GitHub's actions the message
        else:
            ET.SubElement(case, "system-out").text = _text(reason)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _text(text: str, limit: int = MAX_MESSAGE) -> str:
    return visible(text, limit).translate(_NO_CHARACTERS)
