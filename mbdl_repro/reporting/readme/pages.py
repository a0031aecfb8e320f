"""The pages of results, each a text in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mbdl_repro.comparisons.reading import Comparison
from mbdl_repro.pipeline.costs import duration
from mbdl_repro.reporting import numbers
from mbdl_repro.reporting.continuum import counted, marked
from mbdl_repro.reporting.facts.claims import HELD, SIDE
from mbdl_repro.reporting.facts.words import area_title, place_in
from mbdl_repro.reporting.markdown import escaped
from mbdl_repro.reporting.numbers import anchor
from mbdl_repro.reporting.readme.cited import CITED, MISSING
from mbdl_repro.reporting.readme.parts import COMPARISONS, KINDS, UP, counts, figure_of, held, shown
from mbdl_repro.reporting.readme.results import Results

if TYPE_CHECKING:
    import pandas as pd

LEAST_Q = 0.05
"""Share of false ones that is allowed among decided claims."""


def experiments_page(results: Results) -> str:
    """Return the list of experiments."""
    lines = [
        "# Experiments",
        "",
        "One readable file each: the setting, the methods, the sweep, the figure, the claims. "
        "[How to write one](../experiments.md). The names of methods are those of "
        "`mbdl explain NAME`.",
        "",
        "| experiment | book | what it is about | methods | claims that hold "
        "| published numbers met | figure |",
        "|---|---|---|---|---:|---:|---|",
    ]
    for name, experiment in results.experiments.items():
        methods = dict.fromkeys(entry.info.name for entry in experiment.methods.values())
        cells = [
            f"[{name}]({UP}workflow/experiments/{name}.yaml)",
            place_in(experiment.book),
            escaped(experiment.book.title),
            ", ".join(methods),
            *(held(results.verdicts(name), kind) for kind in KINDS),
            f"[see](gallery.md#{anchor(name)})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def gallery_page(results: Results) -> str:
    """Return the figures, with what they are about and what they show."""
    titles = [*([COMPARISONS] if results.comparisons else []), *map(area_title, results.areas)]
    links = [f"[{title}](#{anchor(title)})" for title in titles]
    blocks = [
        "# Gallery",
        "Above each figure stands what the monograph says, in our words. A colour is a family of "
        "methods, a marker a method; bounds are grey. Bands and bars are 95 % intervals.",
        " · ".join(links),
    ]
    blocks += [f"## {COMPARISONS}"] if results.comparisons else []
    for comparison in results.comparisons.values():
        blocks += _compared(results, comparison)
    for area, experiments in results.areas.items():
        blocks.append(f"## {area_title(area)}")
        for experiment in experiments:
            name = experiment.name
            files = [
                f"[experiment]({UP}workflow/experiments/{name}.yaml)",
                f"[table]({UP}{results.store.table(name)})",
                f"[verdicts]({UP}{results.store.verdicts(name)})",
            ]
            blocks += [f"### {name}", shown(results, experiment, UP), " · ".join(files)]
    return "\n\n".join(blocks)


def verdicts_page(results: Results) -> str:
    """Return the claims that do not hold, each with its numbers."""
    verdicts = results.verdicts()
    blocks = [
        "# What does not hold",
        f"{counts(verdicts)} Those that hold stand, with their numbers, beside these in "
        f"[verdicts.csv]({UP}{results.store.verdicts()}); `mbdl verdicts` prints all of them.",
        "A claim *holds* if the 95 % interval of the difference, or of the ratio of positive "
        "errors, lies on its side, *fails* if it lies on the other, and is *undecided* else. So "
        "does a published number: its sides are within the tolerance that the experiment file "
        "gives, and beyond it; one that ours betters by more than that is *surpassed*. Equality "
        "up to a tolerance asks for the 90 % interval, two tests of 5 % each.",
        _evidence(verdicts),
    ]
    others = verdicts[~verdicts["verdict"].isin(HELD)]
    for name in (*results.comparisons, *results.experiments):
        rows = others[others["experiment"] == name]
        if len(rows):
            link = f"[Figure](gallery.md#{anchor(name)}). {counts(results.verdicts(name))}"
            listed = "\n".join(map(_verdict_line, rows.itertuples()))
            blocks += [f"## {name}", link, listed]
    return "\n\n".join(blocks)


def _evidence(verdicts: pd.DataFrame) -> str:
    """Return what stands behind the verdicts: when claims were written, and what chance decides."""
    decided = verdicts[~verdicts["verdict"].isin(["undecided", "not run"])]
    tested = decided[decided["q"].notna()]
    before = decided[decided["written"] == "before"]
    return (
        f"{len(before)} of the {len(decided)} decided were written before their table was seen: "
        f"{counts(before)} Of the {len(tested)} that chance could decide, "
        f"{(tested['q'] <= LEAST_Q).sum()} stay decided if {LEAST_Q:.0%} of these may be false "
        "(Benjamini and Hochberg). Intervals are over seeds, each a repetition with its own data "
        "and training; where nothing is learned, over the test signals, in pairs. They speak of "
        "the scenario that the experiment file names, with its one matrix, array or model."
    )


def _verdict_line(row: Any) -> str:
    """Return a verdict in a line, with both sides and the interval of what they differ by."""
    remark = f" ({escaped(row.remark)})" if isinstance(row.remark, str) else ""
    return (
        f"- **{row.verdict}:** {escaped(row.claim).rstrip('.')}. Found: "
        f"{row.left_value:.4g} against {_right(row)}, {numbers.effect(row._asdict())} "
        f"({'this package' if row.source == 'ours' else escaped(row.source)}).{remark}"
    )


def _right(row: Any) -> str:
    """Return the right side of a claim: its value, with what multiplies it and is added to it."""
    parts = SIDE.fullmatch(row.right)
    assert parts is not None  # it fits all that is not empty
    return f"{parts['factor'] or ''}{row.right_value:.4g}{parts['offset'] or ''}"


def costs_page(results: Results) -> str:
    """Return what it took to make the tables, by experiment, by area and in all.

    A fit that several experiments share counts in the first of them, so that columns add up.
    """
    groups = {name: [name] for name in results.experiments}
    for area, experiments in results.areas.items():
        groups[f"**{area_title(area)}**"] = [experiment.name for experiment in experiments]
    groups["**all**"] = list(results.experiments)
    lines = [
        "# Costs",
        "",
        "What the kept tables took to compute, on one core, as their records say. A fit that "
        "several experiments share counts in the first of them. On several cores, jobs run side "
        "by side; `mbdl plan --forceall` foresees each job of a run.",
        "",
        "| experiment | training | evaluation |",
        "|---|---:|---:|",
    ]
    for title, names in groups.items():
        spent = results.spent(names)
        lines.append(f"| {title} | {duration(spent.training)} | {duration(spent.evaluation)} |")
    return "\n".join(lines)


def _compared(results: Results, comparison: Comparison) -> list[str]:
    """Return what the gallery has of a comparison."""
    name = comparison.name
    files = [
        f"[comparison]({UP}workflow/comparisons/{name}.yaml)",
        f"[table]({UP}{results.store.comparison(name)})",
        f"[verdicts]({UP}{results.store.verdicts(name)})",
    ]
    said = f"*Section {comparison.book.section}.* {escaped(comparison.book.says)}"
    figure = f"{figure_of(results, comparison, UP)}\n\n{counts(results.verdicts(name))}"
    return [f"### {name}", said, figure.rstrip(), " · ".join(files)]


def cited_page(results: Results) -> str:
    """Return the table of systems, those whose experiments there are."""
    verdicts = results.verdicts()
    lines = [
        "# Systems that the book cites",
        "",
        "Model-based deep learning, by its number among the monograph's references: where "
        "it is put to the test here, and how many claims that name it hold (✓), fail (✗) or are "
        "undecided (?). What a method does: `mbdl explain NAME`. "
        "[Claims that do not hold](verdicts.md), with their numbers.",
        "",
        "| | system | of | methods | experiment | claims |",
        "|---:|---|---|---|---|---|",
    ]
    for one in CITED:
        if (experiment := results.experiments.get(one.experiment)) is None:
            continue
        methods = ", ".join(
            f"[{name}]({UP}mbdl_repro/areas/{experiment.area}/methods/{name}.py)"
            for name in one.methods
        )
        fared = marked(counted(verdicts, one.experiment, one.labels(experiment)))
        cells = [
            f"[{one.number}]",
            one.system,
            one.who,
            methods,
            f"[{one.experiment}](gallery.md#{anchor(one.experiment)})",
            fared or "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| [{n}] | {what} | {who} | – | – | – |" for n, (what, who) in MISSING.items()]
    return "\n".join(lines)
