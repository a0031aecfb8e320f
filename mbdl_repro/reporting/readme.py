"""The README's numbers and the pages of results, written from experiment files and results."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.comparisons.reading import Comparison
from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.experiments.specs import fit_spec
from mbdl_repro.pipeline.costs import duration
from mbdl_repro.reporting import choices, numbers
from mbdl_repro.reporting.continuum import FAMILIES, Cell, cells
from mbdl_repro.reporting.facts.claims import HELD, SIDE
from mbdl_repro.reporting.facts.words import area_title, place_in
from mbdl_repro.reporting.markdown import escaped
from mbdl_repro.reporting.numbers import anchor
from mbdl_repro.reporting.problems import Problems
from mbdl_repro.reporting.site import printed
from mbdl_repro.store.files import WAY_OUT
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, read_table, record_path

if TYPE_CHECKING:
    import pandas as pd

README = Path("README.md")
GUIDES = Path("docs")
PAGES = GUIDES / "results"
UP = "../../"
"""From a page to the project's root."""

TELLING = "5.06_lista"
"""The experiment that the README shows, and has its reader compute."""

TALK = "6_talk"
"""The comparison that the README begins with."""

LEAST_Q = 0.05
"""Share of false ones that is allowed among decided claims."""

NAMED = 2
"""Methods that a cell of the continuum names."""

CORES = 2
"""Of a small machine, for which the README says how long all takes."""

KINDS = {"claim": "claims", "published": "published numbers"}
COMPARISONS = "Comparisons"
"""The heading of what several experiments answer together."""
NOTICE = "<!-- Written by `mbdl readme` from experiment files and results: do not edit. -->"


def pages() -> dict[Path, str]:
    """Return the README, the pages of results, and guides that print numbers, as results have them.

    Raises:
        UserError: if a result is missing or damaged, or the README marks a part that there is not.
    """
    results = Results()
    written = {
        "experiments": experiments_page(results),
        "gallery": gallery_page(results),
        "verdicts": verdicts_page(results),
        "costs": costs_page(results),
    }
    if choices.CHOICE in results.comparisons:
        measured = Problems(results.experiments, results.table_of)
        written["which_method"] = choices.page(*results.choice, measured, "gallery.md")
    files = {PAGES / f"{name}.md": f"{NOTICE}\n\n{text}\n" for name, text in written.items()}
    texts = {page: page.read_text(encoding="utf-8") for page in sorted(GUIDES.glob("*.md"))}
    marked = {
        page: printed.filled(text) for page, text in texts.items() if printed.MARKED.search(text)
    }
    return {README: filled(README.read_text(encoding="utf-8"), parts(results)), **files, **marked}


def filled(text: str, parts: Mapping[str, str]) -> str:
    """Return a text with its marked parts replaced.

    A part stands between ``<!-- NAME: written by mbdl readme -->`` and ``<!-- end -->``, on lines
    of its own or within one.

    Args:
        text: in Markdown.
        parts: what belongs there, by name.

    Raises:
        UserError: if the text marks a part that there is not.
    """

    def replaced(match: re.Match[str]) -> str:
        begin, name, line, end = match.groups()
        if name not in parts:
            raise UserError(f"{README} marks a part {name!r}; {one_of(name, parts)}")
        return f"{begin}{line}{parts[name]}{line}{end}"

    marked = r"(<!-- (\w+): written by mbdl readme -->)(\n?).*?(<!-- end -->)"
    return re.sub(marked, replaced, text, flags=re.S)


def parts(results: Results) -> dict[str, str]:
    """Return the parts of the README that are written from results, by name.

    Raises:
        UserError: if a result is missing or damaged, or the experiment that the README shows.
    """
    if TELLING not in results.experiments:
        raise UserError(f"there is no experiment {TELLING}, which {README} shows")
    found = {
        "areas": areas_table(results),
        "continuum": continuum_table(results),
        "cost": f"{duration(results.spent(results.experiments).both / CORES)} on {CORES} cores",
        "telling_cost": f"{duration(results.spent([TELLING]).both)} on one core",
    }
    if TALK in results.comparisons:
        found["figure"] = _figure_of(results, results.comparisons[TALK], root="")
    if choices.CHOICE in results.comparisons:
        found["which"] = choices.in_short(*results.choice, f"{PAGES}/which_method.md")
    return found


class Results:
    """All experiments at full scale, how their claims fared, and what they took."""

    def __init__(self) -> None:
        scale = load_scale("full")
        self.store = Store.of(scale)
        self.experiments = load_all(scale)
        self.comparisons = comparisons.load_all()
        self._verdicts = read_table(self.store.verdicts())

    def table(self, comparison: str) -> pd.DataFrame:
        """Return the table of a comparison.

        Args:
            comparison: its name.
        """
        return read_table(self.store.comparison(comparison))

    def table_of(self, experiment: str) -> pd.DataFrame:
        """Return the table of an experiment.

        Args:
            experiment: its name.
        """
        return read_table(self.store.table(experiment))

    @property
    def choice(self) -> tuple[pd.DataFrame, float]:
        """The table of which method when, and the share of operations that is little in it."""
        comparison: Any = self.comparisons[choices.CHOICE]
        return self.table(choices.CHOICE), comparison.spec.small

    def verdicts(self, *names: str) -> pd.DataFrame:
        """Return the verdicts on these experiments, or on all if none is named."""
        of = self._verdicts["experiment"]
        return self._verdicts[of.isin(names)] if names else self._verdicts

    @property
    def areas(self) -> dict[str, list[Experiment]]:
        """The experiments of each running example."""
        found: dict[str, list[Experiment]] = {}
        for experiment in self.experiments.values():
            found.setdefault(experiment.area, []).append(experiment)
        return dict(sorted(found.items()))

    @cached_property
    def seconds(self) -> dict[str, Seconds]:
        """What each experiment took; a fit that several share counts in the first of them."""
        costs = {name: _cost(self.store.seed_rows(name)) for name in self.experiments}
        trained = training_seconds(self.experiments.values(), costs)
        return {
            name: Seconds(trained[name], sum(spent["evaluate_seconds"] for spent in cost.values()))
            for name, cost in costs.items()
        }

    def spent(self, names: Iterable[str]) -> Seconds:
        """Return what these experiments took together."""
        each = [self.seconds[name] for name in names]
        return Seconds(sum(of.training for of in each), sum(of.evaluation for of in each))


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Time on one core, in seconds."""

    training: float
    evaluation: float

    @property
    def both(self) -> float:
        """Training and evaluation together."""
        return self.training + self.evaluation


# Parts that several pages have ------------------------------------------------------------------


def areas_table(results: Results) -> str:
    """Return how much there is of each running example, and how its claims fared."""
    lines = [
        "| running example | experiments | methods | claims that hold | published numbers met |",
        "|---|---:|---:|---:|---:|",
    ]
    for area, experiments in results.areas.items():
        title = area_title(area)
        link = f"[{title}]({PAGES}/gallery.md#{anchor(title)})"
        verdicts = results.verdicts(*(experiment.name for experiment in experiments))
        lines.append(f"| {link} | {_area_counts(experiments, verdicts)} |")
    if results.comparisons:
        held = [_held(results.verdicts(*results.comparisons), kind) for kind in KINDS]
        link = f"[{COMPARISONS}]({PAGES}/gallery.md#{anchor(COMPARISONS)}) (Section 6)"
        lines.append(f"| {link} | {len(results.comparisons)} | – | {' | '.join(held)} |")
    lines.append(f"| **all** | {_area_counts(results.experiments.values(), results.verdicts())} |")
    return "\n".join(lines)


def _area_counts(experiments: Iterable[Experiment], verdicts: pd.DataFrame) -> str:
    experiments = list(experiments)
    methods = {(e.area, m.info.name) for e in experiments for m in e.methods.values()}
    held = [_held(verdicts, kind) for kind in KINDS]
    return " | ".join([str(len(experiments)), str(len(methods)), *held])


def continuum_table(results: Results) -> str:
    """Return the methods of each family on each running example, and how claims on them fared."""
    found = cells(results.experiments, results.verdicts())
    lines = [
        f"| family | {' | '.join(map(area_title, results.areas))} |",
        "|---|" + "---|" * len(results.areas),
    ]
    for family in FAMILIES:
        row = [_cell(found[family, area]) for area in results.areas]
        lines.append(f"| {family.title} | {' | '.join(row)} |")
    return "\n".join(lines)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    shown = ", ".join(cell.methods[:NAMED]) + (", …" if len(cell.methods) > NAMED else "")
    return f"[{shown}]({PAGES}/gallery.md#{anchor(cell.experiment)}) {cell.fared}".rstrip()


def _held(verdicts: pd.DataFrame, kind: str) -> str:
    """Return how many of a kind hold, as ``3 of 4``; a dash where there are none."""
    of_kind = verdicts[verdicts["kind"] == kind]
    return f"{of_kind['verdict'].isin(HELD).sum()} of {len(of_kind)}" if len(of_kind) else "–"


def _counts(verdicts: pd.DataFrame) -> str:
    """Return how claims and published numbers fared, in a sentence for each that there are."""
    said = []
    for kind, title in KINDS.items():
        found = Counter(verdicts["verdict"][verdicts["kind"] == kind])
        order = dict.fromkeys(["holds", "surpassed", "fails", "undecided", *sorted(found)])
        each = ", ".join(f"{found[v]} {_verb(v, found[v])}" for v in order if v in found)
        if n := found.total():
            said.append(f"Of {n} {title if n > 1 else title.removesuffix('s')}, {each}.")
    return " ".join(said)


def _verb(verdict: str, n: int) -> str:
    """Return a verdict as a verb of so many: ``fails`` and ``fail``, ``is undecided``."""
    if verdict in ("holds", "fails"):
        return verdict if n == 1 else verdict.removesuffix("s")
    return f"{'is' if n == 1 else 'are'} {verdict}"


def _shown(results: Results, experiment: Experiment, root: str) -> str:
    """Return what the book says, an experiment's figure and caption, and how its claims fared.

    Args:
        results: of all experiments.
        experiment: that is shown.
        root: the path from the page to the project's root.
    """
    title = escaped(experiment.book.title)
    caption = f"*{place_in(experiment.book)}.* {escaped(experiment.figure.caption)}"
    blocks = [
        f"**{title}.** {escaped(experiment.book.says)}",
        f"![{title}]({root}{results.store.figure(experiment.name)})",
        f"{caption} {_counts(results.verdicts(experiment.name))}".rstrip(),
    ]
    return "\n\n".join(blocks)


def _figure_of(results: Results, comparison: Comparison, root: str) -> str:
    """Return a comparison's figure with its caption.

    Args:
        results: of all experiments and comparisons.
        comparison: that is shown.
        root: the path from the page to the project's root.
    """
    title = escaped(comparison.book.title)
    figure = f"![{title}]({root}{results.store.figure(comparison.name)})"
    return f"**{title}.** {escaped(comparison.caption)}\n\n{figure}"


def _compared(results: Results, comparison: Comparison) -> list[str]:
    """Return what the gallery has of a comparison."""
    name = comparison.name
    files = [
        f"[comparison]({UP}workflow/comparisons/{name}.yaml)",
        f"[table]({UP}{results.store.comparison(name)})",
        f"[verdicts]({UP}{results.store.verdicts(name)})",
    ]
    said = f"*Section {comparison.book.section}.* {escaped(comparison.book.says)}"
    counted = _counts(results.verdicts(name))
    shown = _figure_of(results, comparison, UP)
    return [f"### {name}", said, f"{shown}\n\n{counted}".rstrip(), " · ".join(files)]


# Pages ------------------------------------------------------------------------------------------


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
            *(_held(results.verdicts(name), kind) for kind in KINDS),
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
            blocks += [f"### {name}", _shown(results, experiment, UP), " · ".join(files)]
    return "\n\n".join(blocks)


def verdicts_page(results: Results) -> str:
    """Return the claims that do not hold, each with its numbers."""
    verdicts = results.verdicts()
    blocks = [
        "# What does not hold",
        f"{_counts(verdicts)} Those that hold stand, with their numbers, beside these in "
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
            link = f"[Figure](gallery.md#{anchor(name)}). {_counts(results.verdicts(name))}"
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
        f"{_counts(before)} Of the {len(tested)} that chance could decide, "
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


# What fits took ----------------------------------------------------------------------------------

Cost = Mapping[str, Mapping[str, float]]
"""What the record of rows says of each method: its ``train_seconds`` and ``evaluate_seconds``."""


def _cost(rows: Path) -> Cost:
    """Return what the record of an experiment's rows says that its methods took.

    Raises:
        UserError: if there is no record that vouches for itself.
    """
    record = read_record(rows)
    if record is None:
        raise UserError(f"{record_path(rows)} is missing or damaged; {WAY_OUT}")
    cost: Cost = record.get("cost", {})
    return cost


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
