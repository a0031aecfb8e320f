"""What is looked at before methods are fitted or measured: their pairs, and their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split


def never_fitted(method: Method) -> bool:
    """Return whether a method learns, and nothing has changed its trainable tensors so far.

    Fits, and whatever loads weights, write into them, and torch counts how often that was done. A
    layer of torch's own draws its weights when it is made, which is once.

    Args:
        method: that was built.
    """
    if not method.family.learns or method.untrained:
        return False
    counts = [
        tensor._version - hasattr(module, "reset_parameters")
        for module in method.modules()
        for tensor in module.parameters(recurse=False)
        if tensor.requires_grad
    ]
    return bool(counts) and max(counts) <= 0


def stop_unless_finite(what: str, split: Split) -> None:
    """Refuse pairs in which a number is infinite, or a target none; observations may be missing.

    Args:
        what: the pairs, as the message calls them.
        split: observations x (n, ...) and targets s (n, ...).

    Raises:
        ValueError: which array it is, and in how many rows.
    """
    for name, array, allowed in (("x", split.x, np.isnan), ("s", split.s, None)):
        numbers = np.asarray(array)
        if numbers.dtype.kind not in "fc":
            continue
        wrong = ~np.isfinite(numbers)
        if allowed is not None:
            wrong &= ~allowed(numbers)
        if words := _rows(wrong, "Inf" if allowed else "NaN or Inf"):
            raise ValueError(f"of the {what}, {name} {words}: take these rows out, or mend them")


def missing_in(x: Any) -> str:
    """Return in how many rows of observations a number is NaN, in words; none: no words."""
    numbers = np.asarray(x)
    words = _rows(np.isnan(numbers), "NaN") if numbers.dtype.kind in "fc" else ""
    return f"x {words}" if words else ""


def _rows(wrong: np.ndarray, kind: str) -> str:
    n = int(wrong.reshape(len(wrong), -1).any(1).sum()) if wrong.size else 0
    return f"holds {kind} in {n} of {len(wrong)} rows" if n else ""
