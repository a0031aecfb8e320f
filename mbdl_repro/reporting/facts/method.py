"""What there is to say of one method, over all experiments that use it."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping

from mbdl_repro import catalogue
from mbdl_repro.catalogue import REQUIRED, MethodInfo
from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.figures.over import compared, kind_of
from mbdl_repro.reporting import docstrings, numbers
from mbdl_repro.reporting.facts.claims import Claim
from mbdl_repro.reporting.facts.experiment import Entry, ExperimentFacts
from mbdl_repro.reporting.facts.tables import Means, Place, higher_is_better
from mbdl_repro.reporting.facts.words import Paragraph, paragraphs

AS_GOOD = 0.05
"""So close to the best counts as the best, in decibels: of what tables show to a tenth."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting of a method."""

    name: str
    kind: str
    """Its type in words."""
    default: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Standing:
    """How far a method is from the best of an experiment, place by place.

    Its metric is the experiment's first one; all of its methods count, the best one too.
    """

    metric: str
    """Its label."""
    unit: str
    """``dB`` for a ratio, or what is in dB; of a plain difference the metric's own unit."""
    n_methods: int
    over_best: Mapping[str, float]
    """By place in words: by how much the error is above that of the best there; not negative."""
    ranks: tuple[int, ...]
    """At each place, 1 for the best."""

    @property
    def n_best(self) -> int:
        """At how many places it is as good as the best."""
        return sum(value <= AS_GOOD for value in self.over_best.values())

    @property
    def median_rank(self) -> int:
        """The median of its ranks, the better one of two in the middle."""
        return statistics.median_low(self.ranks)

    @property
    def nearest(self) -> tuple[str, float]:
        """The place where it is nearest to the best, and how near."""
        return min(self.over_best.items(), key=lambda one: one[1])

    @property
    def farthest(self) -> tuple[str, float]:
        """The place where it is farthest from the best, and how far."""
        return max(self.over_best.items(), key=lambda one: one[1])


@dataclasses.dataclass(frozen=True)
class Use:
    """An experiment that uses a method, perhaps in several entries."""

    experiment: str
    title: str
    entry: Entry
    standing: Standing | None
    """``None`` where nothing compares: without a mean, or with no other method."""


@dataclasses.dataclass(frozen=True)
class MethodFacts:
    """A method: what it does, what it takes, and where it wins and where not."""

    name: str
    area: str
    family: Family
    parent: str | None
    """The method of the area that it equals before it is fitted."""
    children: tuple[str, ...]
    """Those of which it is the parent."""
    paragraphs: tuple[Paragraph, ...]
    """Of its docstring, the equation among them."""
    summary: str
    """Its first sentence."""
    source: str
    belief: str
    """What it takes from the belief."""
    settings: tuple[Setting, ...]
    file: str
    """Its code, from the project's folder."""
    uses: tuple[Use, ...]
    claims: tuple[Claim, ...]
    """Those that name it on one of their sides."""


def method_facts(
    info: MethodInfo,
    uses: Iterable[tuple[Experiment, ExperimentFacts, Means]],
) -> MethodFacts:
    """Return what there is to say of a method.

    Args:
        info: what its class says.
        uses: experiments of its area that have it, with what is known of each.
    """
    found, claims = [], []
    for experiment, facts, means in uses:
        own = [entry for entry in facts.entries if entry.method == info.name]
        labels = {entry.label for entry in own}
        claims += [c for c in facts.claims if labels & {c.left.label, c.right.label}]
        found += [
            Use(facts.name, facts.book.title, entry, standing(experiment, means, entry.label))
            for entry in own
        ]
    others = catalogue.methods(info.area).values()
    return MethodFacts(
        name=info.name,
        area=info.area,
        family=info.family,
        parent=info.parent,
        children=tuple(one.name for one in others if one.parent == info.name),
        paragraphs=paragraphs(info.doc),
        summary=docstrings.first_sentence(info.doc),
        source=docstrings.source(info.doc),
        belief=info.meanings.get("belief", ""),
        settings=tuple(
            Setting(
                name,
                docstrings.kind(one.annotation),
                "required" if one.default is REQUIRED else numbers.plain(one.default),
                info.meanings.get(name, ""),
            )
            for name, one in info.settings.items()
        ),
        file=info.path.relative_to(PACKAGE.parent).as_posix(),
        uses=tuple(found),
        claims=tuple(claims),
    )


def standing(experiment: Experiment, means: Means, label: str) -> Standing | None:
    """Return how far a method is from the best of its rivals at each place of an experiment.

    Args:
        experiment: that has it.
        means: of its answers.
        label: of the method there.
    """
    metric = experiment.metrics[0]
    marks = catalogue.metrics(experiment.area)[metric].marks
    kind = kind_of(marks["label"], decibels=marks["decibels"])
    sign = -1.0 if higher_is_better(experiment.area, metric) else 1.0
    held_against = rivals(experiment, label)
    over_best: dict[str, float] = {}
    ranks = []
    for place in means.places:
        found = {name: means.at(name, metric, place) for name in held_against}
        values = {name: sign * at[0] for name, at in found.items() if at and math.isfinite(at[0])}
        if label not in values or len(values) < 2:
            continue
        over = _over(values[label], min(values.values()), kind)
        if math.isfinite(over):
            over_best[_words(means, place)] = over
            ranks.append(1 + sum(value < values[label] for value in values.values()))
    if not over_best:
        return None
    unit = "" if kind == "difference" and not experiment.units[metric] else "dB"
    return Standing(marks["label"], unit, len(held_against), over_best, tuple(ranks))


def rivals(experiment: Experiment, label: str) -> list[str]:
    """Return the methods that a method is held against: with it, those of the same problem.

    An experiment of several problems, as filters and smoothers, names them by its roles, whose
    panels show who meets; in any other all of its methods meet.

    Args:
        experiment: that has the method.
        label: of the method there.
    """
    panels = {panel.title: panel for panel in experiment.panels}
    meet = [
        [name for title in role.panels.values() for name in panels[title].methods or ()]
        for role in experiment.roles
    ]
    found = {name for names in meet if label in names for name in names}
    return [name for name in experiment.methods if not found or name in found]


def _over(own: float, best: float, kind: str) -> float:
    return 0.0 if own == best else compared(own, best, kind)  # type: ignore[arg-type]


def _words(means: Means, place: Place) -> str:
    pairs = zip(means.columns, place, strict=True)
    return ", ".join(f"{column} {numbers.plain(value)}" for column, value in pairs)
