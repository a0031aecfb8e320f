"""What panels of a metric have in common: the rows that they show, and what those are over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import model_validator

from mbdl_repro.figures.over import compared, label_of
from mbdl_repro.figures.panel import PanelSpec, Sources

if TYPE_CHECKING:
    import pandas as pd


class PanelOfMetric(PanelSpec):
    """Keys that every panel of a metric takes."""

    not_of_ratios: ClassVar[tuple[str, ...]] = ("also",)
    """Keys of the metric itself, which ratios of it leave out."""

    y: str
    """The metric."""
    also: str | None = None
    """Another metric of the same unit, of those that have it."""
    bounds: list[str] | None = None
    """Those drawn; all if not given."""
    printed: bool = False
    """Mark what others published."""
    over: str | None = None
    """A method, or a bound: what is shown are ratios to its own, seed by seed, in dB."""

    @model_validator(mode="after")
    def _ratios_stand_alone(self) -> PanelOfMetric:
        """Refuse keys of the metric itself where ratios of it are shown."""
        fields = type(self).model_fields
        given = [k for k in self.not_of_ratios if getattr(self, k) != fields[k].default]
        if self.over is not None and given:
            raise ValueError(f"over: ratios are in dB already: leave out {', '.join(given)}")
        return self

    def rows_of(self, sources: Sources, name: str, metric: str | None = None) -> pd.DataFrame:
        """Return the rows of a method or bound that are shown, or their ratios.

        Args:
            sources: of the figure.
            name: the row's label in the experiment.
            metric: which metric; the panel's own if not given.
        """
        if self.over is None:
            return sources.rows(name, metric or self.y, self.where)
        return sources.rows_over(name, metric or self.y, self.where, self.over)

    def published(self, sources: Sources, name: str) -> list[tuple[Mapping[str, Any], float]]:
        """Return the published numbers of a method, each with its place, or their ratios.

        Args:
            sources: of the figure.
            name: the method's label in the experiment.

        Returns:
            Places, as columns and their values, and numbers in the axis's unit; NaN where there is
            nothing that the number could be over.
        """
        found = sources.printed(name, self.y, self.where)
        return [(place, self._over_ours(sources, place, value)) for place, value in found]

    def label(self, sources: Sources) -> str:
        """Return what the axis of the metric is called, or of its ratio.

        Args:
            sources: of the figure.
        """
        label = sources.labels.get(self.y, self.y)
        if self.over is None:
            return label
        return label_of(label, sources.kind(self.y), sources.styles[self.over].legend)

    def _over_ours(self, sources: Sources, place: Mapping[str, Any], value: float) -> float:
        """Return a published number over our mean of the row that all is compared with."""
        if self.over is None:
            return value
        rows = sources.rows(self.over, self.y, {**self.where, **place})
        means = rows.loc[rows["iteration"].isna(), "mean"]
        if means.empty:
            return float("nan")
        return compared(value, float(means.iloc[0]), sources.kind(self.y))
