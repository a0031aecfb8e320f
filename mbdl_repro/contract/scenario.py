"""The contract of a scenario: the truth from which observations and targets are drawn."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

from mbdl_repro.contract.seeding import rng_for
from mbdl_repro.contract.settings import Checked


class Split(NamedTuple):
    """Observations and the targets that they came from, row by row.

    NumPy arrays where data are simulated and stored, torch tensors where methods use them.
    """

    x: Any  # (n, ...) observations
    s: Any  # (n, ...) targets

    def first(self, n: int) -> Split:
        """Return the first ``n`` rows: training sets of growing size are nested prefixes."""
        return Split(self.x[:n], self.s[:n])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario(metaclass=Checked):
    """Physical parameters of the truth, with the unit or kind in each name.

    A *belief* is an object of the same class with fields overridden, or withheld (``None``:
    unknown to the designer). Methods are built from a belief and never meet the truth.
    """

    area: ClassVar[str]
    """The running example: it names the random streams, wherever the class stands."""

    name: ClassVar[str]
    """What experiments call it; stated by each class that they may choose."""

    chunk_size: ClassVar[int] = 256
    """Rows drawn from one stream; smaller where a single row is a costly trajectory."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw independent pairs (x, s), batch first: targets s in double precision.

        Complex observations, where a pair has many, may be in single precision.

        Args:
            n: number of pairs.
            rng: what they are drawn from.
        """

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs, without drawing.

        By default nothing may be withheld that it needs.

        Raises:
            ValueError: naming what is withheld, and what needs it, as :meth:`sample` would.
        """
        return

    def required(self, field: str) -> Any:
        """Return a field that may be withheld, where it is needed.

        Raises:
            ValueError: if it is withheld.
        """
        value = getattr(self, field)
        if value is None:
            raise ValueError(f"{field} is asked for, and is withheld (null)")
        return value

    def believed(self, **overrides: Any) -> Self:
        """Return what a designer believes who overrides or withholds (``None``) these fields."""
        return dataclasses.replace(self, **overrides)

    def draw(self, n: int, *stream: object) -> Split:
        """Draw ``n`` pairs from the named stream, so that a longer draw begins with a shorter one.

        Every chunk of rows has a generator of its own: asking for more training data later
        leaves the data that earlier models were fitted to as they were.

        Args:
            n: number of rows.
            stream: names of the stream, for example ``("train", seed)``.
        """
        chunks = [
            self.sample(self.chunk_size, rng_for("data", *self.identity(), *stream, i))
            for i in range(-(-n // self.chunk_size))
        ]
        return Split(*(np.concatenate(parts)[:n] for parts in zip(*chunks, strict=True)))

    def identity(self) -> tuple[object, ...]:
        """Return what names this scenario's random streams: its area, and its fields.

        A field at its default is left out, so that a scenario which learns a new one draws what
        it drew before.
        """
        fields = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }
        return (self.area, fields)


@runtime_checkable
class VariesBySeed(Protocol):
    """A scenario of which each seed has one of its own: an array, say, that is built anew."""

    def of_seed(self, seed: int) -> Scenario:
        """Return what holds in a seed; of a belief, what is believed there."""


def in_seed(scenario: Scenario, seed: int) -> Scenario:
    """Return what holds in a seed: the scenario itself, unless each seed has one of its own.

    Args:
        scenario: a truth or a belief.
        seed: a whole repetition of an experiment.
    """
    return scenario.of_seed(seed) if isinstance(scenario, VariesBySeed) else scenario
