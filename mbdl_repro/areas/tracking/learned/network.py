"""What a network is to a learned filter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, NamedTuple

from torch import Tensor, nn


class Moment(NamedTuple):
    """The inputs of a network in one time step."""

    t: int  # 0 … T − 1
    features: Tensor  # (rows, ·), of the last change, the last correction and the innovation


Step = Callable[[Moment, Tensor], tuple[Tensor, Tensor]]
"""From a moment and a hidden state to an output and the next hidden state."""


class Network(nn.Module, ABC):
    """A recurrent network on features of a filter's step."""

    @abstractmethod
    def begin(self, changes: Annotated[Tensor, "(T, rows, ·)"]) -> tuple[Tensor, Step]:
        """Return the first hidden state (rows, ·), and what takes one step.

        What does not depend on the recursion is worked out here, for all steps at once.

        Args:
            changes: features (T, rows, ·) of how the observations change; for a stack of networks
                (members, T, rows, ·), and so is all else.
        """


def features_by_group(widths: tuple[int, ...], magnitudes: bool) -> list[int]:
    """Return where each feature stands once each group is followed by its length.

    Args:
        widths: entries of each group.
        magnitudes: whether there are lengths.

    Returns:
        An index for each feature in the order of :class:`Directions`, lengths last.
    """
    rows: list[int] = []
    lengths: list[int] = []
    for width in widths:
        start = len(rows) + len(lengths)
        rows += range(start, start + width)
        if magnitudes:
            lengths.append(start + width)
    return rows + lengths
