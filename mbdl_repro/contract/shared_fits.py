"""Fits that several methods share, such as that of a denoiser which knows nothing of H."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Code = tuple[Callable[..., Any], ...]


class SharedFits(Protocol):
    """Makes a fit for whoever asks first, and finds it again for all others who ask."""

    def __call__(self, code: Code, spec: dict[str, Any], make: Callable[[], bytes]) -> bytes:
        """Return what ``make`` returns, or returned when the same was asked for before.

        Args:
            code: the classes and functions that make it: it stands on all that they reach.
            spec: all else that it depends on, as plain data: what differs in it is another fit.
            make: makes the fit; called where there is none, or only a damaged one.
        """


def unshared(code: Code, spec: dict[str, Any], make: Callable[[], bytes]) -> bytes:
    """Make every fit anew: the default where nobody keeps any.

    Args:
        code: not used.
        spec: not used.
        make: called at once.

    Returns:
        What ``make`` returns.
    """
    return make()
