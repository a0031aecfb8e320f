"""Claims of comparisons, decided on what is measured, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.reading import Comparison
from mbdl_repro.comparisons.schema import ClaimFrame
from mbdl_repro.contract.table import same
from mbdl_repro.experiments.setup import product
from mbdl_repro.statistics.comparisons import Comparison as Decided
from mbdl_repro.statistics.comparisons import combine, compare
from mbdl_repro.statistics.relations import SIGNS, Scale, right_side

if TYPE_CHECKING:
    import pandas as pd


def decided(comparison: Comparison, measured: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the table of verdicts: one a claim, or one a place that it is made at.

    Args:
        comparison: whose claims they are.
        measured: a row a place and seed, as its kind measures them.
    """
    found = []
    for claim in comparison.claims:
        places = [
            (place, _pairs(claim, comparison.spec, rows))
            for place, rows in _apart(measured, claim.each)
        ]
        known = [(place, pairs) for place, pairs in places if pairs]
        found += [_row(comparison, claim, *one) for one in known or [((), [])]]
    return found


Pair = tuple[np.ndarray, np.ndarray]


def _apart(
    rows: pd.DataFrame, columns: Sequence[str]
) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Return the rows of each combination of values of some columns; all, if there are none."""
    return list(rows.groupby(list(columns), sort=False)) if columns else [((), rows)]


def _row(
    comparison: Comparison, claim: ClaimFrame, place: Sequence[Any], pairs: Sequence[Pair]
) -> dict[str, Any]:
    quantities = comparison.spec.quantities
    quantity = claim.quantity or next(iter(quantities))
    verdict = _verdict(claim, quantities[quantity], pairs)
    named = [
        value if isinstance(value, str) else f"{column} {value:g}"
        for column, value in zip(claim.each, place, strict=bool(place))
    ]
    where = f" ({', '.join(named)})" if named else ""
    fails = verdict is not None and verdict.verdict == "fails"
    return {
        "experiment": comparison.name,
        "kind": "claim",
        "claim": claim.says.removesuffix(".") + where + ".",
        "source": claim.source,
        "metric": quantity,
        "left": _words(claim, claim.left),
        "relation": SIGNS[claim.relation],
        "right": right_side(
            _words(claim, claim.right),
            claim.factor,
            claim.offset,
            "dB" if quantities[quantity] == "decibels" else "",
        ),
        "left_value": verdict.left if verdict else np.nan,
        "right_value": verdict.right if verdict else np.nan,
        "effect_is": verdict.effect_is if verdict else "",
        "effect": verdict.effect if verdict else np.nan,
        "ci_low": verdict.low if verdict else np.nan,
        "ci_high": verdict.high if verdict else np.nan,
        "interval_over": verdict.over if verdict else "",
        "tolerance": claim.tolerance if claim.tolerance is not None else np.nan,
        "n_seeds": max((len(left) for left, _ in pairs), default=0),
        "n_places": len(pairs),
        "verdict": verdict.verdict if verdict else "not run",
        "p": verdict.p if verdict else np.nan,
        "written": claim.written,
        "remark": (claim.remark or "") if fails else "",
    }


def _pairs(claim: ClaimFrame, spec: KindOfComparison, measured: pd.DataFrame) -> list[Pair]:
    """Return both sides (n,) at each place where both are, of the seeds that both have.

    Where a side is several rows a seed, nobody knows what is meant: there are none.
    """
    quantity = claim.quantity or next(iter(spec.quantities))
    listed = {k: v if isinstance(v, list) else [v] for k, v in claim.at.items()}
    found = []
    for _, rows in _apart(measured[_at(measured, listed)], claim.every):
        for point in product(listed):
            left = _side(rows, quantity, {**point, **claim.left})
            if isinstance(claim.right, dict):
                right = _side(rows, quantity, {**point, **claim.right})
            else:
                right = None if left is None else left.where(left.isna(), claim.right)
            if left is None or right is None:
                return []
            both = left.index.intersection(right.index)
            pair = (left[both].to_numpy(float), right[both].to_numpy(float))
            unknown = quantity in spec.ends_unknown and (pair[0] == pair[1]).all()
            if len(both) and not unknown:
                found.append(pair)
    return found


def _side(rows: pd.DataFrame, quantity: str, place: Mapping[str, Any]) -> pd.Series | None:
    """Return the values of a place by their seeds; None where it is several rows a seed."""
    found = rows[_at(rows, {k: [v] for k, v in place.items()})]
    if found["seed"].duplicated().any():
        return None
    values: pd.Series = found.set_index("seed")[quantity].sort_index()
    return values


def _at(rows: pd.DataFrame, wanted: Mapping[str, Sequence[Any]]) -> np.ndarray:
    keep = np.ones(len(rows), dtype=bool)
    for column, values in wanted.items():
        keep &= np.array([any(same(v, one) for one in values) for v in rows[column]], dtype=bool)
    return keep


def _verdict(claim: ClaimFrame, scale: Scale, pairs: Sequence[Pair]) -> Decided | None:
    if not pairs:
        return None
    return combine(
        [
            partial(
                compare,
                left,
                right,
                claim.relation,
                scale=scale,
                factor=claim.factor,
                offset=claim.offset,
                tolerance=claim.tolerance,
            )
            for left, right in pairs
        ]
    )


def _words(claim: ClaimFrame, side: Mapping[str, Any] | float) -> str:
    """Return a side in words: what it names, and what both sides have in common."""
    if not isinstance(side, Mapping):
        return f"{side:g}"
    first, *rest = [str(value) for value in side.values()]
    at = [f"{k} {v}" for k, v in claim.at.items() if not isinstance(v, list)]
    words = [*rest, *at]
    return first + (f" ({', '.join(words)})" if words else "")
