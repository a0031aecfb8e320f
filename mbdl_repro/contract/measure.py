"""What is measured: metrics of an estimate, and bounds on what any estimate can reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def metric(
    *,
    label: str,
    summary: Literal["mean", "median", "percentile_90"] = "mean",
    decibels: bool = False,
    positive: bool = False,
    targets: bool = True,
) -> Callable[[Function], Function]:
    """Mark a function of an area's ``metrics.py`` as a metric.

    The function asks by argument name for what it needs: ``estimate`` and ``split`` with NumPy
    arrays, batch first, ``truth`` (the scenario), and ``method``. It returns one value a row
    (n,), whose mean is reported; or a pair of such arrays, for a ratio of sums. Lower is better.
    One that does not ask for the estimate measures the method itself: it may return a number,
    which is exact, or ``None`` where a method has no such thing.

    Args:
        label: what axes and tables call it, with its unit.
        summary: what is reported of the rows' values.
        decibels: report 10 log₁₀ of that. The function itself, and bounds on the metric, stay
            linear.
        positive: whether it is an error whose ratios count, not its differences: of such means
            the intervals are drawn, and claims decided, on a logarithmic scale.
        targets: whether it compares with the targets, which measured data may not have.
    """

    def mark(function: Function) -> Function:
        marks = {
            "label": label,
            "summary": summary,
            "decibels": decibels,
            "positive": positive,
            "targets": targets,
        }
        function.marks = marks  # type: ignore[attr-defined]
        return function

    return mark


def bound(
    *, metrics: tuple[str, ...], kind: Literal["floor", "theory", "reference"], label: str
) -> Callable[[Function], Function]:
    """Mark a function of an area's ``bounds.py`` as a bound.

    The function asks by argument name for what it needs, out of ``truth`` (the scenario),
    ``n_train`` (size of the training set), ``validation`` and ``test`` (splits), and
    ``iteration`` (a number of iterations; ``None``: the limit); it returns a number, or one
    value a test row (n,).

    Args:
        metrics: those that it bounds: metrics of one unit, of which some are shown in dB, say.
        kind: ``floor``, nothing with this information can be better on average; ``theory``,
            the exact expectation of one of the methods; ``reference``, what some rule reaches.
        label: what legends call it.
    """

    def mark(function: Function) -> Function:
        function.marks = {"metrics": list(metrics), "kind": kind, "label": label}  # type: ignore[attr-defined]
        return function

    return mark


def unit_of(label: str) -> str:
    """Return the unit at the end of a metric's label, ``dB`` of ``MSE (dB)``; empty if none."""
    return label.rpartition(" (")[2].removesuffix(")") if label.endswith(")") else ""
