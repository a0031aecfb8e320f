"""Numbers and settings as people read them: for the report and the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.experiments.experiment import MethodEntry

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_number(text: str) -> bool:
    """Return whether a text is a number.

    Args:
        text: in any words.
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


def anchor(heading: str) -> str:
    """Return what links call a heading, as GitHub makes it: ``5.06_lista`` is ``506_lista``.

    Args:
        heading: its words.
    """
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def number(value: float, half_width: float = 0.0) -> str:
    """Return a value and its interval, as ``0.490 ± 0.012``, with two digits of the half-width.

    A value without an interval, or an exact one, is given to four significant digits.

    Args:
        value: of any unit.
        half_width: of its interval, in the same unit; 0 for an exact value, NaN for none.
    """
    largest = max(abs(value), abs(half_width) if math.isfinite(half_width) else 0.0)
    scaled, power = _scaled([value, half_width], largest)
    if not math.isfinite(half_width) or half_width == 0 or not math.isfinite(value):
        digits = ".0f" if value == 0 or abs(scaled[0]) >= 1000 else "#.4g"
        return _signed(f"{scaled[0]:{digits}}") + power
    decimals = _decimals(scaled[1])
    text = f"{scaled[0]:.{decimals}f} ± {scaled[1]:.{decimals}f}"
    return _signed(f"({text})" if power else text) + power


def difference(value: float, low: float, high: float) -> str:
    """Return a difference and its interval, as ``-0.98 [-1.18, -0.78]``.

    Args:
        value: of any unit.
        low: where its interval begins, in the same unit; NaN if there is none.
        high: where it ends.
    """
    if not math.isfinite(high - low):
        return number(value)
    scaled, power = _scaled([value, low, high], max(abs(v) for v in (value, low, high)))
    decimals = _decimals((scaled[2] - scaled[1]) / 2) if high > low else 4
    mean, *ends = (_signed(f"{v:.{decimals}f}") for v in scaled)
    text = f"{mean} [{', '.join(ends)}]"
    return f"({text}){power}" if power else text


def with_interval(mean: float, low: float, high: float) -> str:
    """Return a mean with half its interval, or, where that is lopsided, with both of its ends.

    Args:
        mean: of any unit.
        low: where its interval begins, in the same unit; NaN if there is none.
        high: where it ends.
    """
    above, below = high - mean, mean - low
    lopsided = above > 1.2 * below  # as intervals on a logarithmic scale are
    return difference(mean, low, high) if lopsided else number(mean, above)


def count(value: float) -> str:
    """Return a number of things, such as operations, as a plain figure: ``1,336,000``."""
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def effect(verdict: Mapping[str, Any]) -> str:
    """Return what a claim's test found, as ``left over right 0.81 [0.78, 0.84], p = 0.003``.

    Args:
        verdict: a row of the verdicts, which says whether it is a ratio or a difference.
    """
    found = difference(verdict["effect"], verdict["ci_low"], verdict["ci_high"])
    known = {name: verdict.get(name) for name in ("p", "q")}
    chances = [f"{name} = {v:.2g}" for name, v in known.items() if v is not None and v == v]
    # The factor of the right side is in it: a claim is decided at 1.
    what = "left over right" if verdict["effect_is"] == "ratio" else verdict["effect_is"]
    return ", ".join([f"{what} {found}", *chances])


def _scaled(values: list[float], largest: float) -> tuple[list[float], str]:
    """Divide very small or large values by a common power of ten, which is named."""
    if not math.isfinite(largest) or largest == 0 or 1e-3 <= largest < 1e5:
        return values, ""
    exponent = math.floor(math.log10(largest))
    return [v / 10.0**exponent for v in values], f"·10{str(exponent).translate(SUPERSCRIPTS)}"


def _decimals(half_width: float) -> int:
    """Return the decimals that show two significant digits of a half-width."""
    return max(0, 1 - math.floor(math.log10(half_width)))


def _signed(text: str) -> str:
    return text.replace("-", "−").replace("nan", "–").replace("inf", "∞")


def plain(value: Any) -> str:
    """Return a setting or a point's value as text."""
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings(entry: MethodEntry) -> dict[str, str]:
    """Return a method's settings where they are not as by default, those tuned included."""
    given = {
        name: plain(value)
        for name, value in entry.settings.items()
        if value != entry.info.settings[name].default
    }
    if entry.depths:
        given["iterations"] = f"{', '.join(map(plain, entry.depths))} (a fit for each)"
    return given | {name: f"one of {', '.join(map(plain, v))}" for name, v in entry.tune.items()}


def chosen(values: list[Any], counts: Mapping[str, int]) -> str:
    """Return which of the values fits chose, how often, and how often the least or the greatest.

    A baseline is well tuned where its best setting lies inside of what was tried.

    Args:
        values: those that were tried.
        counts: how many fits chose each, by its canonical text.
    """
    times = [(value, counts.get(canonical(value), 0)) for value in values]
    text = ", ".join(f"{plain(value)} ({n})" for value, n in times if n)
    numbers = [value for value in values if isinstance(value, int | float)]
    ends = (min(numbers), max(numbers)) if numbers else ()
    at_an_end = sum(n for value, n in times if value in ends)
    return f"{text}; {at_an_end} of {sum(counts.values())} at an end" if at_an_end else text


def seconds(value: float) -> str:
    """Return a duration, given in seconds, to two digits."""
    for unit, size in (("h", 3600), ("min", 60)):
        if value >= 2 * size:
            return (
                f"{value / size:.2g} {unit}" if value < 100 * size else f"{value / size:.0f} {unit}"
            )
    return f"{value:.2g} s" if value < 100 else f"{value:.0f} s"
