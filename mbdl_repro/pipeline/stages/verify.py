"""Put the claims of the book, and its published numbers, to the test."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mbdl_repro.contract.table import Place, same
from mbdl_repro.experiments.experiment import Claim, Experiment
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.rows import N_GROUPS, repetitions_in, rounded, with_groups
from mbdl_repro.statistics.comparisons import Comparison, combine, compare
from mbdl_repro.statistics.crossings import first_crossing
from mbdl_repro.statistics.relations import SIGNS, right_side
from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.records import read_arrays, read_table

COLUMNS = [
    "experiment",
    "kind",
    "claim",
    "source",
    "metric",
    "left",
    "relation",
    "right",
    "left_value",
    "right_value",
    "effect_is",
    "effect",
    "ci_low",
    "ci_high",
    "interval_over",
    "tolerance",
    "n_seeds",
    "n_places",
    "verdict",
    "p",
    "written",
    "remark",
]


def verify(job: Job) -> None:
    """Decide each claim by a paired test over seeds; write the verdicts."""
    experiment = job.experiment
    rows = read_table(job.store.seed_rows(experiment.name))
    rows = with_groups(rows, read_arrays(job.store.groups(experiment.name)))
    table = verdicts(experiment, rows)
    job.save({job.store.verdicts(experiment.name): table_to_bytes(table)})


def verdicts(experiment: Experiment, rows: pd.DataFrame) -> pd.DataFrame:
    """Decide all claims of an experiment.

    Args:
        experiment: whose claims they are.
        rows: the long table, a row a seed, with the values without groups of test signals.
    """
    decided = [_verdict(experiment, rows, claim) for claim in experiment.claims]
    return pd.DataFrame(decided, columns=COLUMNS)


def _verdict(experiment: Experiment, rows: pd.DataFrame, claim: Claim) -> dict[str, object]:
    if claim.along is not None:
        return _verdict_on_crossing(experiment, rows, claim, claim.along)
    places, n_seeds, unknown = [], 0, 0
    for left, right in claim.pairs:
        left_rows = _rows_at(experiment, rows, left)
        right_rows = None
        if isinstance(right, Place):
            left_rows, right_rows = _paired(left_rows, _rows_at(experiment, rows, right))
        if left_rows.empty:
            continue  # this scale does not run the point
        n_seeds = len(left_rows)
        ours, other = _measured(left_rows), _measured(right_rows, right, n_seeds)
        unknown = max(unknown, int(np.isnan(ours.values + other.values).sum()))
        places.append(
            partial(
                compare,
                ours.values,
                other.values,
                claim.relation,
                scale=experiment.scales[claim.metric],
                factor=claim.factor,
                offset=claim.offset,
                tolerance=claim.tolerance,
                standard_errors=(ours.errors, other.errors),
                without=_both(ours.without, other.without),
            )
        )
    decided = combine(places) if places else None
    right = claim.pairs[0][1]
    words = f"{right:g}" if isinstance(right, float) else _describe(claim, 1)
    unit = experiment.units[claim.metric]
    sides = (_describe(claim, 0), right_side(words, claim.factor, claim.offset, unit))
    remarks = [claim.remark or "", _not_numbers(unknown, n_seeds) if unknown else ""]
    remark = "; ".join(filter(None, remarks))
    return _row(experiment, claim, sides, decided, n_seeds, len(places), remark)


class _Measured(NamedTuple):
    """One side at a place: of each seed its value, standard error, and value without groups."""

    values: np.ndarray
    errors: np.ndarray
    without: np.ndarray | None


def _measured(rows: pd.DataFrame | None, number: Any = 0.0, n_seeds: int = 0) -> _Measured:
    """Return what rows hold, or, where there are none, a number that is the same for all seeds."""
    if rows is None:
        same = np.full(n_seeds, number, dtype=float)
        return _Measured(same, 0.0 * same, np.repeat(same[:, None], N_GROUPS, axis=1))
    values, errors = rows["value"].to_numpy(), rows["standard_error"].to_numpy()
    return _Measured(values, errors, repetitions_in(rows))


def _both(
    left: np.ndarray | None, right: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return both sides without groups of test signals, where nothing else is random in either."""
    return None if left is None or right is None else (left, right)


def _verdict_on_crossing(
    experiment: Experiment, rows: pd.DataFrame, claim: Claim, along: str
) -> dict[str, object]:
    """Decide where two curves cross: its place in each seed is what is compared."""
    x, differences = [], []
    for left, right in claim.pairs:
        assert isinstance(right, Place)
        ours, theirs = _paired(_rows_at(experiment, rows, left), _rows_at(experiment, rows, right))
        if not ours.empty:
            x.append(left.at[along])
            differences.append(ours["value"].to_numpy() - theirs["value"].to_numpy())
    decided, n_seeds, remark = None, 0, ""
    if len(x) > 1:
        order = np.argsort(x)
        points, curves = np.array(x, float)[order], np.array(differences)[order]
        curves = curves if claim.rises else -curves
        places = first_crossing(points, curves)
        before, never = int((curves[0] > 0).sum()), int((curves <= 0).all(0).sum())
        n_seeds, unknown = len(places), int(np.isnan(places).sum())
        decided = compare(places, claim.location, claim.relation, tolerance=claim.tolerance)
        remark = "; ".join(
            words
            for count, words in (
                (before, f"before {points[0]:g} in {before} of {n_seeds} seeds"),
                (never, f"not up to {points[-1]:g} in {never} of {n_seeds} seeds"),
                (unknown, _not_numbers(unknown, n_seeds)),
            )
            if count
        )
    way = "above" if claim.rises else "below"
    sides = (
        f"{along} where {_describe(claim, 0)} goes {way} {_describe(claim, 1)}",
        f"{claim.location:g}",
    )
    return _row(experiment, claim, sides, decided, n_seeds, int(decided is not None), remark)


def _not_numbers(count: int, n_seeds: int) -> str:
    return f"not a number in {count} of {n_seeds} seeds"


def _row(
    experiment: Experiment,
    claim: Claim,
    sides: tuple[str, str],
    decided: Comparison | None,
    n_seeds: int,
    n_places: int,
    remark: str,
) -> dict[str, object]:
    return {
        "experiment": experiment.name,
        "kind": claim.kind,
        "claim": claim.says,
        "source": claim.source,
        "metric": claim.metric,
        "left": sides[0],
        "relation": SIGNS[claim.relation],
        "right": sides[1],
        "left_value": rounded(decided.left) if decided else np.nan,
        "right_value": rounded(decided.right) if decided else np.nan,
        "effect_is": decided.effect_is if decided else "",
        "effect": rounded(decided.effect) if decided else np.nan,
        "ci_low": rounded(decided.low) if decided else np.nan,
        "ci_high": rounded(decided.high) if decided else np.nan,
        "interval_over": decided.over if decided else "",
        "tolerance": claim.tolerance if claim.tolerance is not None else np.nan,
        "n_seeds": n_seeds,
        "n_places": n_places,
        "verdict": decided.verdict if decided else "not run",
        "p": rounded(decided.p, 3) if decided else np.nan,
        "written": claim.written,
        "remark": remark,
    }


def _rows_at(experiment: Experiment, rows: pd.DataFrame, place: Place) -> pd.DataFrame:
    """Return a place's rows, one a seed, in the order of the seeds."""
    wanted = (rows["method"] == place.method) & (rows["metric"] == place.metric)
    if place.iteration is None:
        wanted &= rows["iteration"].isna()
    else:
        wanted &= rows["iteration"] == place.iteration
    for column, value in place.at.items():
        if column == "n_train" and not experiment.uses_n_train(place.method):
            continue
        wanted &= rows[column].map(lambda other, value=value: same(other, value))
    return rows[wanted].sort_values("seed")


def _paired(left: pd.DataFrame, right: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the seeds that both sides have."""
    seeds = sorted(set(left["seed"]) & set(right["seed"]))
    return left[left["seed"].isin(seeds)], right[right["seed"].isin(seeds)]


def _describe(claim: Claim, side: int) -> str:
    """Return a side's place in words; where a claim spans several, what varies is left open."""
    places = [pair[side] for pair in claim.pairs]
    first = places[0]
    assert isinstance(first, Place)
    words = [
        f"{column} {value:g}" if isinstance(value, float) else f"{column} {value}"
        for column, value in first.at.items()
        if all(isinstance(p, Place) and p.at.get(column) == value for p in places)
    ]
    if first.iteration is not None:
        words.append(f"iteration {first.iteration}")
    if first.metric != claim.metric:
        words.append(first.metric)
    return first.method + (f" ({', '.join(words)})" if words else "")
