"""Fits that several methods share, such as that of a denoiser which knows nothing of H."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class SharedFits(Protocol):
    """Makes a fit for whoever asks first, and finds it again for all others who ask."""

    def __call__(self, owner: type, spec: dict[str, Any], make: Callable[[], bytes]) -> bytes:
        """Return what ``make`` returns, or returned when the same was asked for before.

        Args:
            owner: the class whose code the fit stands on.
            spec: all else that it depends on, as plain data: what differs in it is another fit.
            make: makes the fit; called where there is none, or only a damaged one.
        """


def unshared(owner: type, spec: dict[str, Any], make: Callable[[], bytes]) -> bytes:
    """Make every fit anew: the default where nobody keeps any.

    Args:
        owner: not used.
        spec: not used.
        make: called at once.

    Returns:
        What ``make`` returns.
    """
    return make()
