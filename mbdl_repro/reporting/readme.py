"""The parts of the README that tell of experiments and results, written from their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.experiments.specs import fit_spec
from mbdl_repro.pipeline.costs import duration
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, read_table

README = Path("README.md")


def written(text: str) -> str:
    """Return the README with each generated part as the experiments and results have it.

    A part stands between ``<!-- NAME: written by mbdl readme -->`` and ``<!-- end -->``.

    Raises:
        UserError: if the text marks a part that there is not.
    """
    parts = {"experiments": experiments, "verdicts": verdicts, "cost": cost}

    def replaced(match: re.Match[str]) -> str:
        name = match[2]
        if name not in parts:
            raise UserError(f"{README} marks a part {name!r}; there are {', '.join(parts)}")
        return f"{match[1]}\n{parts[name]()}\n{match[3]}"

    return re.sub(
        r"(<!-- (\w+): written by mbdl readme -->)\n.*?(<!-- end -->)", replaced, text, flags=re.S
    )


def experiments() -> str:
    """Return the table of experiments."""
    lines = [
        "| experiment | book | what it is about | methods | claims that hold | figure |",
        "|---|---|---|---|---|---|",
    ]
    store = Store.of(load_scale("full"))
    for name, experiment in load_all(load_scale("full")).items():
        book = experiment.book
        where = f"Example {book.example}" if book.example else f"Section {book.section}"
        file = f"[{name}](workflow/experiments/{name}.yaml)"
        figure = f"[PNG]({store.figure(name)}), [PDF]({store.figure(name, 'pdf')})"
        methods = ", ".join(dict.fromkeys(e.info.name for e in experiment.methods.values()))
        claims = read_table(store.verdicts(name))
        claims = claims[claims["kind"] == "claim"]
        held = f"{(claims['verdict'] == 'holds').sum()} of {len(claims)}"
        lines.append(f"| {file} | {where} | {book.title} | {methods} | {held} | {figure} |")
    return "\n".join(lines)


def verdicts() -> str:
    """Return the claims that do not hold, each with its numbers."""
    table = read_table(Store.of(load_scale("full")).verdicts())
    held = (table["verdict"] == "holds").sum()
    lines = [f"{held} of {len(table)} claims and published numbers hold. These do not:", ""]
    for row in table[table["verdict"] != "holds"].itertuples():
        remark = f" ({row.remark})" if isinstance(row.remark, str) else ""
        lines.append(
            f"- **{row.verdict}** ({row.experiment}): {row.claim.rstrip('.')}. Found: "
            f"{row.left_value:.4g} against {_right(row)}, difference {row.difference:.2g} "
            f"(95 %: {row.ci_low:.2g} to {row.ci_high:.2g}).{remark}"
        )
    return "\n".join(lines)


def _right(row: Any) -> str:
    """Return the right side of a claim: its value, and the factor before it if there is one."""
    factor, times, _ = row.right.rpartition(" × ")
    return f"{factor}{times}{row.right_value:.4g}"


def cost() -> str:
    """Return what it took to make the tables, by experiment, by area and in all.

    A fit that several experiments share counts in the first of them, so that columns add up.
    """
    store = Store.of(load_scale("full"))
    experiments = load_all(load_scale("full"))
    records = {name: read_record(store.table(name)) or {} for name in experiments}
    costs = {name: record.get("cost", {}) for name, record in records.items()}
    trained = training_seconds(experiments.values(), costs)
    scored = {
        name: sum(spent["evaluate_seconds"] for spent in cost.values())
        for name, cost in costs.items()
    }
    groups = {name: [name] for name in experiments}
    for area in sorted({experiment.area for experiment in experiments.values()}):
        names = [name for name, experiment in experiments.items() if experiment.area == area]
        groups[f"**{area}**"] = names
    groups["**all**"] = list(experiments)
    lines = ["| experiment | training | evaluation |", "|---|---|---|"]
    for title, names in groups.items():
        sums = (duration(sum(seconds[name] for name in names)) for seconds in (trained, scored))
        lines.append(f"| {title} | {' | '.join(sums)} |")
    return "\n".join(lines)


Cost = Mapping[str, Mapping[str, float]]
"""What a table's record says of each method: its ``train_seconds`` and ``evaluate_seconds``."""


def training_seconds(
    experiments: Iterable[Experiment], costs: Mapping[str, Cost]
) -> dict[str, float]:
    """Return the seconds that each experiment's fits took, without those of experiments before it.

    A record's ``train_seconds`` of a method leave out the fits that a method before it in the
    same experiment shares. Of the rest, the share that no experiment before has made counts:
    fits of one method are taken to be of the same cost.

    Args:
        experiments: in the order in which they count.
        costs: of each, by its name; a method without any is taken to have cost nothing.
    """
    counted: set[str] = set()
    seconds: dict[str, float] = {}
    for experiment in experiments:
        seconds[experiment.name] = 0.0
        here: set[str] = set()
        for label, entry in experiment.methods.items():
            if not entry.has_fit:
                continue
            fits = {
                digest(canonical(fit_spec(experiment, label, fit)))
                for fit in experiment.fits(label)
            }
            own = fits - here
            spent = costs[experiment.name].get(label, {}).get("train_seconds", 0.0)
            seconds[experiment.name] += spent * len(own - counted) / max(1, len(own))
            here |= fits
        counted |= here
    return seconds
