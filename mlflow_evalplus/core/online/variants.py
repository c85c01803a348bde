"""The variants of an experiment: which are compared, and whether rows were split over them as intended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray, encoded
from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from mlflow_evalplus.results.estimate import p_value

CONTROLS = ("control", "baseline", "champion", "a")
MAX_VARIANTS = 20


def codes_of(values: pa.ChunkedArray) -> tuple[IntArray, list[str]]:
    """Return each row's code, -1 where it is missing, and the sorted values.

    Examples
    --------
    >>> codes_of(pa.chunked_array([["b", "a", None]]))
    (array([ 1,  0, -1]), ['a', 'b'])
    """
    column = encoded(values).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    return column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), column.dictionary.to_pylist()


def variant_codes(values: pa.ChunkedArray, source: str) -> tuple[IntArray, list[str]]:
    """Return each row's variant, -1 where it is missing, and their names.

    Raises
    ------
    DataError
        There are fewer than two, or more than 20.
    """
    codes, known = codes_of(values)
    if not 2 <= len(known) <= MAX_VARIANTS:
        few = f"two variants or more, at most {MAX_VARIANTS}"
        raise DataError(f"column {source!r} must name {few}, but has {len(known):,}: {shorten(map(_short, known), 5)}")
    return codes, known


def chosen(known: Sequence[str], control: str | None, treatment: str | None) -> tuple[str, str]:
    """Return the names of control and treatment.

    Raises
    ------
    DataError
        One of them is not there, or it is not clear which is meant.

    Examples
    --------
    >>> chosen(["new", "Control"], None, None)
    ('Control', 'new')
    """
    listed = f"variants are {shorten(map(_short, known), MAX_VARIANTS)}"
    for role, name in (("control", control), ("treatment", treatment)):
        if name is not None and str(name) not in known:
            raise DataError(f"no row has the {role} {name!r}; {listed}.{did_you_mean(str(name), known)}")
    if control is None:
        likely = [name for name in known if name.strip().lower() in CONTROLS and name != str(treatment)]
        if len(likely) != 1:
            why = "several may be the control" if likely else "none is named control, baseline, champion or A"
            raise DataError(f"which variant is the control? {why}; {listed}. Name it with control=")
        control = likely[0]
    others = [name for name in known if name != str(control)]
    if treatment is None and len(others) > 1:
        raise DataError(f"which variant is the treatment? {listed}. Name it with treatment=")
    if treatment is not None and str(treatment) == str(control):
        raise DataError(f"control and treatment are both {control!r}; {listed}")
    return str(control), str(others[0] if treatment is None else treatment)


def sample_ratio(
    codes: IntArray, known: Sequence[str], split: Mapping[str, float] | None, clusters: IntArray | None
) -> tuple[float, str]:
    """Return the p-value of the variants' sizes, were they split as intended, and the same in words.

    Clusters are counted where most of them met one variant only, those; else rows. Pearson's chi-square.

    Raises
    ------
    DataError
        `split` does not name just the variants, each with a share above 0.
    """
    sizes = np.bincount(codes[codes >= 0], minlength=len(known)).astype(np.float64)
    unit = "rows"
    if clusters is not None:
        pairs = np.unique(clusters[codes >= 0] * len(known) + codes[codes >= 0])
        alone = np.bincount(pairs // len(known))[pairs // len(known)] == 1
        if alone.mean() > 0.5:
            sizes, unit = np.bincount(pairs[alone] % len(known), minlength=len(known)).astype(np.float64), "users"
    shares = _shares(known, split)
    chance = float(stats.chisquare(sizes, shares * sizes.sum()).pvalue)
    found = ", ".join(f"{_short(name)} {size:,.0f}" for name, size in zip(known, sizes, strict=True))
    wanted = ", ".join(f"{share:.1%}" for share in shares)
    return chance, (
        f"the sizes of the variants ({unit}: {found}) do not fit the intended split ({wanted}; "
        f"p {'' if chance < 0.001 else '= '}{p_value(chance)}): "
        "who met which variant was not left to chance alone, so no difference can be trusted. Find out which rows are "
        "missing, or give the intended split."
    )


def _shares(known: Sequence[str], split: Mapping[str, float] | None) -> FloatArray:
    if split is None:
        return np.full(len(known), 1 / len(known))
    given = {str(name): float(share) for name, share in split.items()}
    if set(given) != set(known) or not all(0 < share < np.inf for share in given.values()):
        listed = shorten(map(_short, known), MAX_VARIANTS)
        raise DataError(f"split must give each variant a share above 0, but is {given}; variants are {listed}")
    shares = np.array([given[name] for name in known])
    return np.asarray(shares / shares.sum())


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}…"
