"""What every kind of comparison has: what it measures, how it is summed up, and how it is drawn."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.experiments.schema import Block
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class KindOfComparison(Block):
    """Keys that every kind of comparison takes; a file of ``kinds/`` has one, ``Spec``."""

    quantities: ClassVar[dict[str, Scale]]
    """What claims may speak of, columns of what is measured, and how their values compare."""
    ends_unknown: ClassVar[tuple[str, ...]] = ()
    """Quantities that are known between two ends only: where both sides are at the same end, nobody
    knows which is the larger, and nothing is claimed."""
    keys: ClassVar[list[str]]
    """Columns that claims may name a place by."""

    @property
    def experiments(self) -> tuple[str, ...]:
        """Names of the experiments that it reads, besides those with a role."""
        return ()

    @abstractmethod
    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return what claims are decided on, a row a place and seed."""

    @abstractmethod
    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return the table: a row a place, means over seeds with intervals."""

    @abstractmethod
    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw the figure of a table, in matplotlib's settings of the moment."""
