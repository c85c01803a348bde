"""What a returned queue comes to, and what to do next, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mlflow_evalplus.results.adjudication import AcceptedCase, OpenCase, QueueProblem

STATES = {"disputed": "disputed", "partly": "with one vote", "unfilled": "without a vote"}
NEXT = {
    "problems": "correct what is wrong with the files",
    "disputed": "let the pair talk, or a third person decide, in the column of decisions",
    "partly": "get a second vote where there is one",
    "unfilled": "get the rest labelled",
}


def sentence(accepted: Sequence[AcceptedCase], open_: Sequence[OpenCase], problems: Sequence[QueueProblem]) -> str:
    """Return how many cases are settled and open, how many problems there are, and what to do next."""
    how = Counter(case.how for case in accepted)
    states = Counter(STATES[case.state] for case in open_)
    kinds = Counter(problem.kind.replace("_", " ") for problem in problems)
    said = [f"Labelled: {len(accepted):,} of {len(accepted) + len(open_):,} cases{_split(how)}."]
    said += [f"Open: {len(open_):,}{_split(states)}."] if open_ else []
    said += [f"Problems: {len(problems):,}{_split(kinds)}."] if problems else []
    steps = [step for name, step in NEXT.items() if states[STATES.get(name, "")] or (name == "problems" and problems)]
    if steps:
        again = "; then give all files again, old and new together."
        said.append(f"Next: {'; '.join(steps)}{again}")
    else:
        said.append("Next: add them to the training data.")
    return " ".join(said)


def _split(counts: Counter[str]) -> str:
    parts = ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return f" ({parts})" if parts else ""
