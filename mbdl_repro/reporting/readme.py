"""The parts of the README that tell of experiments and results, written from their files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.pipeline.job import duration
from mbdl_repro.store.artifacts import Store, read_record, read_table

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
    """Return what it took to make the tables, from their records."""
    store = Store.of(load_scale("full"))
    lines = ["| experiment | training | evaluation |", "|---|---|---|"]
    for name in load_all(load_scale("full")):
        spent = (read_record(store.table(name)) or {}).get("cost", {}).values()
        trained = duration(sum(s["train_seconds"] for s in spent))
        scored = duration(sum(s["evaluate_seconds"] for s in spent))
        lines.append(f"| {name} | {trained} | {scored} |")
    return "\n".join(lines)
