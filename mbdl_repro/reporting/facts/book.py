"""All that there is to say of a run: where pages of any kind begin."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mbdl_repro import catalogue
from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.comparisons.reading import Comparison
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.pipeline.verbs import Book
from mbdl_repro.reporting.facts.claims import Claim, claim
from mbdl_repro.reporting.facts.comparison import ComparisonFacts, comparison_facts
from mbdl_repro.reporting.facts.experiment import ExperimentFacts, experiment_facts, styles_of
from mbdl_repro.reporting.facts.method import MethodFacts, method_facts
from mbdl_repro.reporting.facts.tables import Means
from mbdl_repro.reporting.facts.words import COMPARISONS, order_in
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_table

if TYPE_CHECKING:
    import pandas as pd


class Facts:
    """What is known of experiments, comparisons, methods and claims; each is read when asked for.

    Args:
        experiments: all that are told of, by name.
        scale: how much of them was run.
        store: where their results lie.
        chosen: whether they are some of all: then nothing is told of comparisons, and claims have
            no q-value, which is of all claims together.
    """

    def __init__(self, experiments: Book, scale: Scale, store: Store, *, chosen: bool) -> None:
        self.experiments: dict[str, Experiment] = {
            name: experiments[name]
            for name in sorted(experiments, key=lambda name: order_in(experiments[name].book))
        }
        self.comparisons: dict[str, Comparison] = {} if chosen else comparisons.load_all()
        self.scale = scale
        self.store = store
        self.chosen = chosen
        self._told: dict[str, ExperimentFacts] = {}
        self._means: dict[str, Means] = {}

    @classmethod
    def of(cls, scale_name: str = "full") -> Facts:
        """Return what is known of all experiments at a scale.

        Args:
            scale_name: of a file in ``workflow/scales``.
        """
        scale = reading.load_scale(scale_name)
        return cls(reading.load_all(scale), scale, Store.of(scale), chosen=False)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """The table of verdicts, with ``None`` for what is missing."""
        import pandas as pd

        if self.chosen:
            parts = [read_table(self.store.verdicts(name)) for name in self.experiments]
            table = pd.concat(parts, ignore_index=True)
        else:
            table = read_table(self.store.verdicts())
        table = table.astype(object)
        return table.where(table.notna(), None)

    @cached_property
    def claims(self) -> dict[str, tuple[Claim, ...]]:
        """All claims and published numbers, by the experiment or comparison they stand in."""
        return {name: self._claims_of(name) for name in (*self.comparisons, *self.experiments)}

    @property
    def all_claims(self) -> list[Claim]:
        """The same in one list."""
        return [one for claims in self.claims.values() for one in claims]

    def experiment(self, name: str) -> ExperimentFacts:
        """Return what there is to say of an experiment."""
        if name not in self._told:
            told = experiment_facts(self.experiments[name], self.store, self.claims[name])
            self._told[name] = told
        return self._told[name]

    def comparison(self, name: str) -> ComparisonFacts:
        """Return what there is to say of a comparison."""
        return comparison_facts(self.comparisons[name], self.store, self.claims[name])

    @property
    def methods(self) -> list[tuple[str, str]]:
        """Area and name of each method, along the continuum; of a choice, of those in it."""
        book = self.experiments.values()
        used = {(e.area, m.info.name) for e in book for m in e.methods.values()}
        return [
            (area, info.name)
            for area in catalogue.areas()
            for info in sorted(catalogue.methods(area).values(), key=lambda i: i.family.rank)
            if not self.chosen or (area, info.name) in used
        ]

    def method(self, area: str, name: str) -> MethodFacts:
        """Return what there is to say of a method.

        Args:
            area: the running example that it is a method of.
            name: its own name.
        """
        info = catalogue.methods(area)[name]
        return method_facts(info, self._uses(area, name))

    def section_of(self, name: str) -> str:
        """Return the section of the monograph that an experiment or a comparison belongs to."""
        return self._about(name)["section"]

    def _uses(self, area: str, name: str) -> Iterable[tuple[Experiment, ExperimentFacts, Means]]:
        for experiment in self.experiments.values():
            has = any(entry.info.name == name for entry in experiment.methods.values())
            if experiment.area == area and has:
                yield experiment, self.experiment(experiment.name), self._means_of(experiment)

    def _means_of(self, experiment: Experiment) -> Means:
        name = experiment.name
        if name not in self._means:
            self._means[name] = Means(experiment, read_table(self.store.table(name)))
        return self._means[name]

    def _about(self, name: str) -> dict[str, str]:
        one: Any = self.experiments.get(name) or self.comparisons[name]
        area = one.area if name in self.experiments else COMPARISONS
        return {"title": one.book.title, "area": area, "section": one.book.section}

    def _claims_of(self, name: str) -> tuple[Claim, ...]:
        rows = self.verdicts[self.verdicts["experiment"] == name].to_dict("records")
        experiment = self.experiments.get(name)
        styles = styles_of(experiment) if experiment else {}
        units: dict[str, str] = experiment.units if experiment else self._units_of(name)
        return tuple(
            claim(row, i, self._about(name), styles, units.get(row["metric"], ""))
            for i, row in enumerate(rows, start=1)
        )

    def _units_of(self, comparison: str) -> dict[str, str]:
        quantities = self.comparisons[comparison].spec.quantities
        return {name: "dB" for name, scale in quantities.items() if scale == "decibels"}
