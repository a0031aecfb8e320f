"""A degradation of one's own: any linear map of images that is given with its adjoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import numpy as np

from mbdl_repro.contract.seeding import rng_for

Function = Callable[[np.ndarray], np.ndarray]

TOLERANCE = 1e-6
"""How far inner products may be apart, relative to norms: as functions in single precision are."""

N_TESTED = 3
"""Random images that a map is tested on."""


@dataclasses.dataclass(frozen=True)
class LinearMap:
    """H as two functions of NumPy arrays, which map each image by itself.

    ⟨H s, x⟩ = ⟨s, Hᵀx⟩ for all s and x, which is tested on random ones where the map is given to
    a scenario.

    Args:
        forward: H, from images (n, side, side) to what is observed of them (n, …).
        adjoint: Hᵀ, from what is observed (n, …) to images (n, side, side).
        name: stands for the two functions where random streams are named, and in messages.
    """

    forward: Function
    adjoint: Function
    name: str = "linear_map"

    def __post_init__(self) -> None:
        """Check that these can be called, compared and hashed.

        Raises:
            ValueError: saying which cannot.
        """
        for field in ("forward", "adjoint"):
            function = getattr(self, field)
            if not (callable(function) and function.__hash__):
                raise ValueError(f"{field} is {function!r}: should be a function")
        if not (isinstance(self.name, str) and self.name):
            raise ValueError(f"name is {self.name!r}: should be a text")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Say what a value may be where a map is asked for: in Python a map, in a file null.

        Args:
            source: this class.
            handler: not needed.
        """
        from pydantic_core import core_schema

        return core_schema.json_or_python_schema(
            core_schema.none_schema(), core_schema.is_instance_schema(cls)
        )

    def observed(self, s: Annotated[np.ndarray, "(n, side, side)"]) -> np.ndarray:
        """Return H s of images s (n, side, side), in double precision."""
        return _real(self.forward(np.array(s, dtype=float)))

    def back(self, x: Annotated[np.ndarray, "(n, …)"]) -> Annotated[np.ndarray, "(n, side, side)"]:
        """Return Hᵀx, images (n, side, side), of what is observed (n, …), in double precision."""
        return _real(self.adjoint(np.array(x, dtype=float)))


@cache
def tested_shape(H: LinearMap, side: int) -> tuple[int, ...]:
    """Test a map on random images, and return the shape of what it observes of one of them.

    Args:
        H: the map.
        side: pixels a side of the images.

    Raises:
        ValueError: if it is not linear with this adjoint, or mixes images; says which.
    """
    rng = rng_for("linear map", side)
    s = rng.standard_normal((N_TESTED, side, side))
    H_s = _applied(H, "forward", s)
    if H_s.ndim < 2 or len(H_s) != N_TESTED:
        raise _wrong(H, f"forward maps images {s.shape} to {H_s.shape}: should be ({N_TESTED}, …)")
    if not H_s.any():
        raise _wrong(H, "forward maps random images to 0: nothing would be observed")
    x = rng.standard_normal(H_s.shape)
    Ht_x = _applied(H, "adjoint", x)
    if Ht_x.shape != s.shape:
        raise _wrong(
            H,
            f"adjoint maps what is observed of images {s.shape} to {Ht_x.shape}: should be the "
            "same (of a map that knows one size of image, side and patch_side should be that)",
        )
    one, other = (np.sum(a * b, axis=tuple(range(1, a.ndim))) for a, b in ((H_s, x), (s, Ht_x)))
    allowed = TOLERANCE * (_norms(H_s) * _norms(x) + _norms(s) * _norms(Ht_x))
    if not (np.abs(one - other) <= allowed).all():
        i = int(np.argmax(np.abs(one - other) - allowed))
        raise _wrong(
            H,
            f"⟨H s, x⟩ is {one[i]:.6g} and ⟨s, Hᵀx⟩ {other[i]:.6g} for random images s of "
            f"{side} × {side} pixels: should be equal, of a linear map and its adjoint",
        )
    for field, given, together in (("forward", s, H_s), ("adjoint", x, Ht_x)):
        alone = _applied(H, field, given[:1])
        if not (_norms(alone - together[:1]) <= TOLERANCE * _norms(together[:1])).all():
            raise _wrong(H, f"{field} maps an image otherwise alone than among others")
    return H_s.shape[1:]


def _applied(H: LinearMap, field: str, given: np.ndarray) -> np.ndarray:
    """Return what one of the functions makes of an array: real, finite numbers."""
    try:
        found = (H.observed if field == "forward" else H.back)(given)
    except Exception as error:  # whatever a function of another's raises
        raise _wrong(
            H, f"{field} of an array of shape {given.shape} fails: {type(error).__name__}: {error}"
        ) from error
    if not np.isfinite(found).all():
        raise _wrong(H, f"{field} maps random numbers to what is not finite")
    return found


def _real(found: np.ndarray) -> np.ndarray:
    return np.asarray(found).astype(float, casting="same_kind")  # of complex numbers: TypeError


def _norms(a: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a.reshape(len(a), -1), axis=1)


def _wrong(H: LinearMap, what: str) -> ValueError:
    return ValueError(f"degradation is {H.name!r}, of which {what}")
