"""Half a year of a model in production, made by hand: fine until September, other customers in November, worse in
December."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan, sqrt

from mlflow_evalplus.results import (
    Alert,
    Difference,
    Estimate,
    MixRate,
    MixRateRow,
    Monitoring,
    NewTerm,
    Outcome,
    Shift,
    Window,
)

REFERENCE = 0.861
MONTHS = ("2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12")
LABELLED = (0.866, 0.855, 0.862, 0.846, 0.829, 0.794)
ESTIMATED = (0.863, 0.860, 0.858, 0.851, 0.838, 0.826)
N_LABELLED = (412, 398, 405, 260, 240, 1020)
WEB = (0.31, 0.30, 0.32, 0.36, 0.47, 0.49)


def estimate(value: float, n: int) -> Estimate:
    half = 1.96 * sqrt(value * (1 - value) / n)
    return Estimate(value, value - half, value + half, n)


def difference(value: float, half: float, p_value: float = 0.5, n: int = 2000) -> Difference:
    return Difference(value, value - half, value + half, p_value, n)


def alert(requirement: str, metric: str, outcome: Outcome, reason: str, **more: object) -> Alert:
    return Alert(requirement, outcome, reason, metric, **more)  # type: ignore[arg-type]


def shifts(place: int) -> tuple[Shift, ...]:
    web = WEB[place]
    strong = web > 0.4
    return (
        Shift("channel", 2.1 * (web - 0.3) ** 2 + (0.18 if strong else 0.002), 0.04 if strong else 0.001,
              1e-9 if strong else 0.4, 3e-9 if strong else 0.6, "web", web, 0.30, 1800),
        Shift("prediction", 0.004 + 0.01 * place, 0.002, 0.08, 0.2, "negative", 0.45 + 0.01 * place, 0.45, 1800),
        Shift("language", 0.001, 0.0004, 0.7, 0.7, "zh", 0.25, 0.25, 1800),
    )  # fmt: skip


def terms() -> tuple[NewTerm, ...]:
    return (
        NewTerm("subscription", 142, 11, 0.079, 0.004, 1e-12, False, estimate(0.66, 88)),
        NewTerm("退款", 61, 0, 0.034, 0.0, 1e-9, True, estimate(0.61, 36)),
        NewTerm("pay later", 40, 2, 0.022, 0.001, 0.0004, False, None),
    )


def mix_rate(place: int) -> MixRate:
    total = LABELLED[place] - REFERENCE
    mix = -0.012 if WEB[place] > 0.4 else -0.001
    rows = (
        MixRateRow("channel=web", 500, 900, WEB[place], 0.3, 0.70, 0.79, mix, 0.7 * (total - mix)),
        MixRateRow("channel=app", 300, 1500, 0.8 - WEB[place], 0.5, 0.85, 0.89, 0.0, 0.2 * (total - mix)),
        MixRateRow("channel=email", 220, 600, 0.2, 0.2, 0.88, 0.89, 0.0, 0.1 * (total - mix)),
    )
    return MixRate(
        MONTHS[place], "reference", "channel", difference(total, 0.026), difference(mix, 0.008),
        difference(total - mix, 0.024), rows,
    )  # fmt: skip


def alerts(place: int) -> tuple[Alert, ...]:
    accuracy = estimate(LABELLED[place], N_LABELLED[place])
    level = Outcome.PASS if accuracy.lower >= 0.8 else Outcome.UNDECIDED
    fell = place == 5
    return (
        alert("accuracy at least 0.8", "accuracy", level, f"{accuracy}", value=accuracy.value, lower=accuracy.lower,
              upper=accuracy.upper),
        alert("accuracy at most 0.03 below the reference's", "accuracy", Outcome.FAIL if fell else Outcome.PASS,
              "the drop is 0.067 [0.041, 0.093]" if fell else "the drop is below", value=0.067 if fell else 0.01),
        alert("psi of channel at most 0.2", "psi", Outcome.FAIL if place == 5 else Outcome.PASS,
              "0.256, and the shares differ (p < 0.001)" if place == 5 else "below", column="channel", value=0.256),
        alert("new words and phrases", "new_terms", Outcome.FAIL if place == 4 else Outcome.PASS,
              "3 have q below 0.001", asked=False),
    )  # fmt: skip


def window(place: int) -> Window:
    accuracy = estimate(LABELLED[place], N_LABELLED[place])
    half = 0.026 if place == 5 else 0.045
    return Window(
        MONTHS[place], f"{MONTHS[place]}-01", f"{MONTHS[place]}-28", 1800, N_LABELLED[place],
        {"accuracy": accuracy, "f1_macro": replace(accuracy, value=accuracy.value - 0.02),
         "recall[negative]": replace(accuracy, value=0.9, lower=0.85, upper=0.94)},
        estimate(ESTIMATED[place], 1800), difference(LABELLED[place] - REFERENCE, half, 0.0001 if place == 5 else 0.3),
        difference(ESTIMATED[place] - REFERENCE, 0.02), mix_rate(place), shifts(place), terms() if place >= 4 else (),
        alerts(place),
    )  # fmt: skip


def monitoring(n: int = 6) -> Monitoring:
    """Return the first `n` months; of six the newest raises two alerts, of three none."""
    reference = Window(
        "reference", "2025-01-01", "2025-06-30", 6000, 3000, {"accuracy": estimate(REFERENCE, 3000)},
        estimate(REFERENCE, 6000),
    )  # fmt: skip
    return Monitoring(reference, tuple(map(window, range(n))), notes=("language=ja has no labelled rows.",))


def bare(name: str = "2025-07", **more: object) -> Window:
    """Return a window of which nothing is known but its rows."""
    return Window(name, "", "", 500, 0, {}, None, **more)  # type: ignore[arg-type]


def nothing_known(n: int = 2) -> Monitoring:
    """Return windows with neither labels, scores, slices nor texts."""
    return Monitoring(bare("reference"), tuple(bare(f"rows {500 * i + 1:,} to {500 * i + 500:,}") for i in range(n)))


def spoilt(text: str) -> Monitoring:
    """Return windows in which every name and text of the data is this one, and some numbers are undefined."""
    undefined = Estimate(nan, nan, nan, 0)
    shift = Shift(text, inf, nan, nan, nan, text, 1.0, 0.0, 5)
    term = NewTerm(text, 5, 0, 0.1, 0.0, 0.001, True, undefined)
    row = MixRateRow(f"{text}={text}", 1, 0, 1.0, 0.0, 0.5, nan, -0.5, 0.0)
    gap = Difference(nan, nan, nan, nan, 0)
    raised = Alert(f"psi of {text} at most 0.2", Outcome.FAIL, text, "psi", column=text)
    last = replace(
        bare(text), metrics={"accuracy": undefined, f"recall[{text}]": undefined}, estimated=undefined, drop=gap,
        shifts=(shift,), terms=(term,), mix_rate=MixRate(text, text, text, gap, gap, gap, (row,)), alerts=(raised,),
    )  # fmt: skip
    return Monitoring(replace(last, alerts=()), (last, last), notes=(text,))
