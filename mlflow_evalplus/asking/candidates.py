"""candidates.yaml → `Plan`: who is asked, how often, within which limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mlflow_evalplus.asking.budget import Budget
from mlflow_evalplus.asking.candidate import Candidate
from mlflow_evalplus.asking.endpoint import CONCURRENCY, Endpoint
from mlflow_evalplus.asking.pipeline import Pipeline
from mlflow_evalplus.asking.prices import Price, own_prices, read_prices
from mlflow_evalplus.asking.recorded import Recorded
from mlflow_evalplus.asking.specs import Judge, PlanFile, Spec, budget_mistake, known_keys, mistakes_in
from mlflow_evalplus.errors import EvalPlusError, RequirementsError, did_you_mean, shorten
from mlflow_evalplus.requirements.mistakes import Where, listed, parse_yaml, words
from mlflow_evalplus.requirements.safe_yaml import read_yaml

JOURNAL = Path("selection.journal.jsonl")
Makers = Mapping[str, Callable[[Spec], Candidate]]


@dataclass(frozen=True)
class Plan:
    """What candidates.yaml asks for.

    Attributes
    ----------
    candidates : tuple of Candidate
    specs : tuple of Spec
        The same as they are written.
    system : str
        The system message of every question; empty where there is none.
    repeats : int
        How often each question is asked.
    currency : str
    budget : Budget or None
    journal : Path
        The file's, else ``selection.journal.jsonl`` in the working folder.
    judges : tuple of Judge
        As they are written; the paths in them lead from the working folder.
    notes : tuple of str
        What is not known: the price of a model.
    source : str
    """

    candidates: tuple[Candidate, ...]
    specs: tuple[Spec, ...] = ()
    system: str = ""
    repeats: int = 1
    currency: str = "USD"
    budget: Budget | None = None
    journal: Path = JOURNAL
    judges: tuple[Judge, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = ""


def read_candidates(
    path: str | Path, makers: Makers | None = None, *, prices: str | Path | None = None, only: Sequence[str] = ()
) -> Plan:
    """Read candidates.yaml; nothing is called, and no key is needed yet.

    Parameters
    ----------
    path : str or Path
        Paths in the file are taken from its folder.
    makers : mapping of str to callable, optional
        Kind of candidate → what makes one: ``model`` for MLflow models.
    prices : path, optional
        A table of prices; it goes before the file's own and the package's.
    only : sequence of str
        Names of the candidates that are wanted; the others are not made. Empty for all.

    Raises
    ------
    RequirementsError
        The file cannot be read, or has mistakes; all of them are listed with their lines. Or nobody has a name in
        `only`.
    """
    path = Path(path)
    try:
        text = read_yaml(path, "utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequirementsError(f"{path} is not UTF-8 text: {error}. Save it as UTF-8.") from None
    except OSError as error:
        raise RequirementsError(f"cannot read the candidates {str(path)!r}: {error.strerror}. "
                                "docs/asking.md has an example") from None  # fmt: skip
    found = parse_yaml(text, str(path))
    try:
        file = PlanFile.model_validate(found.content)
    except ValidationError as error:
        mistakes = [(tuple(e["loc"]), words(e, known_keys)) for e in error.errors()]
        raise listed(mistakes, str(path), found.lines, found.repeated) from None
    wrong = list(mistakes_in(file))
    if wrong or found.repeated:
        raise listed(wrong, str(path), found.lines, found.repeated)
    making = _Making(file, path, dict(makers or {}), _prices(file, path, prices))
    chosen = _chosen(file.candidates, only)
    candidates = making.all(chosen)
    if making.mistakes:
        raise listed(making.mistakes, str(path), found.lines)
    return Plan(
        candidates, tuple(chosen.values()), file.system, file.repeats, file.money,
        Budget(file.budget.amount, file.money) if file.budget else None,
        path.parent / file.journal if file.journal else JOURNAL, tuple(making.judges()), tuple(making.notes), str(path),
    )  # fmt: skip


def _chosen(specs: Sequence[Spec], only: Sequence[str]) -> dict[int, Spec]:
    """Return the candidates that are wanted, each with its place in the file."""
    names = [spec.name for spec in specs]
    if unknown := [name for name in only if name not in names]:
        raise RequirementsError(f"nobody is called {unknown[0]!r}; candidates are {shorten(names)}."
                                + did_you_mean(unknown[0], names))  # fmt: skip
    return {number: spec for number, spec in enumerate(specs) if not only or spec.name in only}


def _prices(file: PlanFile, path: Path, given: str | Path | None) -> dict[str, Price]:
    own = read_prices(path.parent / file.prices) if file.prices else {}
    return {**own_prices(), **own, **(read_prices(given) if given else {})}


class _Making:
    """Candidates and judges out of their specs; what goes wrong is gathered."""

    def __init__(self, file: PlanFile, path: Path, makers: Makers, prices: Mapping[str, Price]) -> None:
        self.file, self.folder, self.prices = file, path.parent, prices
        self.makers: Makers = {
            "endpoint": self._endpoint,
            "pipeline": self._pipeline,
            "answers": self._recorded,
            **makers,
        }
        self.mistakes: list[tuple[Where, str]] = []
        self.notes: list[str] = []

    def all(self, specs: Mapping[int, Spec]) -> tuple[Candidate, ...]:
        """Return every candidate that can be made, of specs with their place in the file."""
        made: dict[str, Candidate] = {}
        for number, spec in specs.items():
            place = ("candidates", number, spec.kind)
            if spec.kind not in self.makers:
                self.mistakes.append((place, "an MLflow model is asked by 'mlflow-evalplus select' and "
                                             "mlflow_evalplus.tracking.selection alone"))  # fmt: skip
                continue
            try:
                candidate = self.makers[spec.kind](spec)
            except EvalPlusError as error:
                self.mistakes.append((place, str(error)))
                continue
            same = next((c.name for c in made.values() if c.asks and c.digest == candidate.digest), "")
            if same:
                told = f"is asked the same way as {same!r}; to see how steady it is, give 'repeats' instead"
                self.mistakes.append((place, told))
            made[spec.name] = candidate
            if self.file.budget and (
                told := budget_mistake(spec, priced=getattr(candidate, "price", None) is not None)
            ):
                self.mistakes.append((place, told))
        return tuple(made.values())

    def judges(self) -> Iterator[Judge]:
        """Yield the judges with the paths in them resolved."""
        for judge in self.file.judges:
            files = {
                key: str(self.folder / name) for key in ("verdicts", "preferences") if (name := getattr(judge, key))
            }
            yield judge.model_copy(update=files)

    def _endpoint(self, spec: Spec) -> Candidate:
        return Endpoint(
            spec.name, str(spec.endpoint), str(spec.model), api_key_env=spec.api_key_env or "",
            parameters=spec.parameters, stream=spec.stream, requests_per_minute=spec.requests_per_minute,
            tokens_per_minute=spec.tokens_per_minute, max_retries=spec.max_retries, timeout_s=spec.timeout_s,
            price=self._price(spec), about=spec.about, concurrency=spec.concurrency or CONCURRENCY,
        )  # fmt: skip

    def _pipeline(self, spec: Spec) -> Candidate:
        here = self.folder / str(spec.pipeline)
        is_here = os.path.isdir(here)  # noqa: PTH112 — Path.is_dir raises where no folder can be called so
        return Pipeline(
            spec.name, str(here) if is_here else str(spec.pipeline), revision=spec.revision or "",
            device=spec.device or "", parameters=spec.parameters, concurrency=spec.concurrency or 1, about=spec.about,
        )  # fmt: skip

    def _recorded(self, spec: Spec) -> Candidate:
        price = spec.price.price(self.file.money) if spec.price else None
        return Recorded(
            spec.name, self.folder / str(spec.answers), of=spec.candidate or "", price=price, about=spec.about
        )

    def _price(self, spec: Spec) -> Price | None:
        if spec.price:
            return spec.price.price(self.file.money)
        found = self.prices.get(str(spec.model))
        if found and found.currency == self.file.money:
            return found
        known = f"a price in {found.currency} is known of" if found else "no price is known of"
        what = f"{known} {spec.model!r}, so what it costs is not shown in {self.file.money}; give it a 'price'."
        self.notes.append(f"{spec.name}: {what}")
        return None
