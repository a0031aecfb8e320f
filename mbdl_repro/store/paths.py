"""Where everything lies that a run makes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mbdl_repro.experiments.scale import Scale


@dataclasses.dataclass(frozen=True)
class Store:
    """Where the artifacts of a scale lie.

    Its methods take names of experiments, of methods in them, and of verbs; or names of wildcards,
    such as ``{experiment}``, for the patterns that rules are made of.
    """

    results: Path
    figures: Path
    figure_formats: tuple[str, ...] = ("png",)
    """Kinds of file that each figure is written as."""

    @classmethod
    def of(cls, scale: Scale) -> Store:
        """Return the store of a scale."""
        return cls(Path(scale.results), Path(scale.figures), scale.figure_formats)

    def data(self, experiment: str) -> Path:
        """Index of an experiment's simulated data."""
        return self.results / "data" / f"{experiment}.json"

    def model(self, experiment: str, method: str, part: int | str, parts: int | str) -> Path:
        """Index of the fits of one part of a method's training.

        Args:
            experiment: its name.
            method: its label in the experiment.
            part: counted from 1.
            parts: how many there are.
        """
        return self.results / "models" / experiment / f"{method}.{part}of{parts}.json"

    def history(self, experiment: str, method: str, part: int | str, parts: int | str) -> Path:
        """Training history and tuned settings of the same fits.

        Args:
            experiment: its name.
            method: its label in the experiment.
            part: counted from 1.
            parts: how many there are.
        """
        return self.results / "models" / experiment / f"{method}.{part}of{parts}.history.csv"

    def scores(self, experiment: str, method: str) -> Path:
        """Rows of one method.

        Args:
            experiment: its name.
            method: its label in the experiment.
        """
        return self.results / "scores" / experiment / f"{method}.csv"

    def examples(self, experiment: str, method: str) -> Path:
        """A few estimates of one method, for illustrations.

        Args:
            experiment: its name.
            method: its label in the experiment.
        """
        return self.results / "scores" / experiment / f"{method}.examples.npz"

    def shown(self, experiment: str) -> Path:
        """The estimates that the figure shows, kept with the rows."""
        return self.results / "rows" / f"{experiment}.examples.npz"

    def histories(self, experiment: str) -> Path:
        """The training histories of all learned methods, in short."""
        return self.results / "rows" / f"{experiment}.history.csv"

    def weights(self, experiment: str) -> Path:
        """Weights of each learned method: of one of its fits."""
        return self.results / "rows" / f"{experiment}.weights.safetensors"

    def bounds(self, experiment: str) -> Path:
        """Rows of the bounds."""
        return self.results / "bounds" / f"{experiment}.csv"

    def table(self, experiment: str) -> Path:
        """The summary over seeds."""
        return self.results / "tables" / f"{experiment}.csv"

    def seed_rows(self, experiment: str) -> Path:
        """The rows of each seed."""
        return self.results / "rows" / f"{experiment}.csv"

    def groups(self, experiment: str) -> Path:
        """Values of seeds without groups of their test signals."""
        return self.results / "rows" / f"{experiment}.groups.npz"

    def operations(self, experiment: str) -> Path:
        """Operations of an estimate of each method."""
        return self.results / "operations" / f"{experiment}.csv"

    def comparison(self, comparison: str) -> Path:
        """The table of a comparison of several experiments."""
        return self.results / "comparisons" / f"{comparison}.csv"

    def verdicts(self, experiment: str | None = None) -> Path:
        """The verdicts of one experiment, or of all."""
        name = "verdicts.csv" if experiment is None else f"verdicts/{experiment}.csv"
        return self.results / name

    def figure(self, experiment: str, suffix: str = "png") -> Path:
        """The figure.

        Args:
            experiment: its name.
            suffix: the kind of file, one of ``figure_formats``.
        """
        return self.figures / f"{experiment}.{suffix}"

    def figure_files(self, experiment: str) -> tuple[Path, ...]:
        """The figure as each kind of file that it is written as."""
        return tuple(self.figure(experiment, suffix) for suffix in self.figure_formats)

    def report(self, *, chosen: bool = False) -> Path:
        """The page that the report begins with; its other pages lie in the same folder.

        Args:
            chosen: whether it is of some experiments, which leaves the report of all as it is.
        """
        return self.results / ("report_chosen" if chosen else "report") / "index.html"

    def log(self, verb: str, target: str) -> Path:
        """The log of a job.

        Args:
            verb: what the job does.
            target: what it does it to.
        """
        return self.results / "logs" / verb / f"{target}.log"

    def cache(self, kind: str) -> Path:
        """The folder of a kind of cache entries (see :mod:`mbdl_repro.store.cache`)."""
        return self.results / "cache" / kind
