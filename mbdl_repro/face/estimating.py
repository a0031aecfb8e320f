"""Estimates of observations of one's own, with messages that name what does not fit."""

from __future__ import annotations

import typing
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.contract.capabilities import HasIllustrations
from mbdl_repro.contract.method import IterativeMethod, Method


def estimate(method: Method, x: Annotated[Any, "(n, ...)"]) -> Annotated[Any, "(n, ...)"]:
    """Return a method's estimates, or say what of the observations does not fit it.

    ŝ = method.estimate(x), a row a signal

    Args:
        method: that was built, or loaded; fitted, if it learns.
        x: observations (n, ...), as an array or a tensor; what its rows are, the method says.

    Returns:
        Estimates (n, ...), of the kind that ``x`` is; NaN in a row that has no answer.

    Raises:
        ValueError: the argument, its shape, and what is allowed.
    """
    if isinstance(x, np.ndarray):
        x = np.ascontiguousarray(x)  # a reversed view, say, which torch does not take
    return _answered(method, x, method.estimate)


def iterates(
    method: IterativeMethod, x: Annotated[Any, "(n, ...)"]
) -> Annotated[np.ndarray, "(K + 1, n, ...)"]:
    """Return what a method that iterates estimates before its first iteration and after each.

    ŝ_0, ŝ_1, …, ŝ_K

    Args:
        method: that was built, or loaded; fitted, if it learns.
        x: observations (n, ...), as an array or a tensor; what its rows are, the method says.

    Returns:
        Estimates (K + 1, n, ...), of which the last are the method's answer.

    Raises:
        ValueError: the method does not iterate; or the argument, its shape, and what is allowed.
    """
    if not isinstance(method, IterativeMethod):
        raise ValueError(f"{type(method).__name__} does not iterate: it has an estimate only")

    found = _asked(method, x, lambda rows: torch.stack(list(method.iterates(rows))))
    return found.numpy()


def illustrations(
    method: Method, x: Annotated[Any, "(n, ...)"]
) -> dict[str, Annotated[np.ndarray, "(n, ...)"]]:
    """Return what more a method can show of a few observations: spectra, roots, kernels.

    Args:
        method: that was built, or loaded; fitted, if it learns.
        x: observations (n, ...), as an array or a tensor; what its rows are, the method says.

    Returns:
        Arrays (n, ...) by name, a row for each observation.

    Raises:
        ValueError: the method shows no more; or the argument, its shape, and what is allowed.
    """
    if not isinstance(method, HasIllustrations):
        raise ValueError(f"{type(method).__name__} shows no more than its estimates")
    return {name: found.numpy() for name, found in _asked(method, x, method.illustrations).items()}


def _asked(method: Method, x: Any, question: Callable[[Tensor], Any]) -> Any:
    """Return what a method answers when it is used, not trained; gradients are not recorded."""

    def answer(observations: Any) -> Any:
        was_training = method.training
        method.eval()
        try:
            with torch.no_grad():
                return question(method._tensor(observations))
        finally:
            method.train(was_training)

    return _answered(method, x, answer)


def _answered(method: Method, x: Any, answer: Callable[[Any], Any]) -> Any:
    """Return the answer to observations, or say what of them does not fit the method."""
    _warn_if_told_otherwise(method)
    shape = tuple(np.shape(x))
    wanted = observed(type(method))
    words = f"x has shape {shape}; {type(method).__name__} takes {wanted}"
    if not _is_numeric(x):
        raise ValueError(f"{words}, as numbers; x holds {np.asarray(x).dtype}")
    if "..." not in wanted and "…" not in wanted and len(shape) == wanted.count(","):
        raise ValueError(f"{words}: a single signal is x[None]")
    try:
        return answer(x)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{words}, of the sizes that its belief has: {reason}") from error


def _warn_if_told_otherwise(method: Method) -> None:
    """Warn of a loaded method that is told of other numbers of things than it was trained with."""
    made_by: Any = vars(method).get("made_by", {})
    for name, (trained, told) in made_by.get("told_otherwise", {}).items():
        warnings.warn(
            f"{made_by['label']} of {made_by['experiment']} was trained with {name} {trained}, and "
            f"is told {told}: its weights know nothing of that, so its estimates may be far off",
            stacklevel=4,
        )


def observed(cls: type[Method]) -> str:
    """Return the shape of observations that a method takes, in its own words: ``(n, N, T)``.

    Args:
        cls: the class of the method.
    """
    rule = cls.iterates if issubclass(cls, IterativeMethod) else cls.forward
    hint = typing.get_type_hints(rule, include_extras=True).get("x")
    shapes = [text for text in getattr(hint, "__metadata__", ()) if isinstance(text, str)]
    return shapes[0] if shapes else "(n, ...)"


def _is_numeric(x: Any) -> bool:
    return not isinstance(x, np.ndarray | list | tuple) or np.asarray(x).dtype.kind in "iufcb"
