"""How many arithmetic operations a computation takes, counted as it runs.

Additions and multiplications of real numbers, by operation of PyTorch: products and convolutions
by PyTorch's own counts, decompositions and transforms by the leading terms of the usual algorithms,
and whatever works entry by entry as one operation an entry. What is done outside of PyTorch is not
seen.

References:
    Golub and Van Loan, *Matrix Computations*, 4th edition, 2013: the terms of decompositions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

COMPLEX = 4
"""Times as many operations where numbers are complex: a product has 4 products and 2 sums."""

Shape = tuple[int, ...]


def _square(per_cube: float) -> Callable[..., float]:
    """Return the count of a decomposition of each matrix (k, k): so many k³."""
    return lambda shapes: per_cube * math.prod(shapes[0]) * shapes[0][-1]


def _svd(shapes: list[Shape]) -> float:
    m, n = sorted(shapes[0][-2:], reverse=True)
    return math.prod(shapes[0][:-2]) * (4 * m**2 * n + 8 * m * n**2 + 9 * n**3)


def _qr(shapes: list[Shape]) -> float:
    """Count Householder's 2k² (max(m, n) − k/3) for R, and 2k² (m − k/3) for k columns of Q."""
    m, n = shapes[0][-2:]
    k = min(m, n)
    return math.prod(shapes[0][:-2]) * 2 * k**2 * (max(m, n) + m - 2 * k / 3)


def _solve(shapes: list[Shape]) -> float:
    """Count 2k³/3 for the factors of each A (k, k), and 2k² for each column of B."""
    a, b = shapes[:2]
    k = a[-1]
    if len(b) == 1 or b == a[:-1]:  # a vector for each A
        b = (*b, 1)
    batch = torch.broadcast_shapes(a[:-2], b[:-2])
    return math.prod(batch) * (2 * k**3 / 3 + 2 * k**2 * b[-1])


def _substitution(factors: int, columns: int, passes: int) -> Callable[..., float]:
    """Return the count of one or two passes of substitution: k² a pass and column."""

    def count(shapes: list[Shape]) -> float:
        a, b = shapes[factors], shapes[columns]
        batch = torch.broadcast_shapes(a[:-2], b[:-2])
        return passes * math.prod((*batch, *b[-2:])) * a[-1]

    return count


def _product(first: int) -> Callable[..., float]:
    """Return the count of a product with a vector: twice the entries of a matrix, or a vector."""
    return lambda shapes: 2 * math.prod(shapes[first])


PRODUCTS: dict[str, Callable[[list[Shape]], float]] = {
    "mv": _product(0),
    "addmv": _product(1),
    "dot": _product(0),
    "vdot": _product(0),
}
"""Counts of products that PyTorch's own do not cover, by the shapes of their tensors."""


DECOMPOSITIONS: dict[str, Callable[[list[Shape]], float]] = {
    "_linalg_eigh": _square(9),
    "_linalg_eigvals": _square(10),
    "linalg_eig": _square(25),  # PyTorch takes eigenvalues alone from it, too, while it is watched
    "linalg_eigvals": _square(10),
    "_linalg_svd": _svd,
    "linalg_qr": _qr,
    "linalg_cholesky_ex": _square(1 / 3),
    "linalg_pinv": _svd,
    "linalg_inv_ex": _square(2),
    "linalg_lu_factor_ex": _square(2 / 3),
    "_linalg_det": _square(2 / 3),
    "_linalg_slogdet": _square(2 / 3),
    "_linalg_solve_ex": _solve,
    "linalg_lu_solve": _substitution(0, 2, 2),
    "cholesky_solve": _substitution(1, 0, 2),
    "cholesky_inverse": _square(2 / 3),
    "linalg_solve_triangular": _substitution(0, 1, 1),
    "triangular_solve": _substitution(1, 0, 1),
}
"""Counts by the shapes of the tensors that an operation is given."""

REDUCTIONS = frozenset(
    {"sum", "mean", "prod", "var", "std", "var_mean", "cumsum", "cumprod", "median", "logsumexp"}
    | {"amax", "amin", "max", "min", "argmax", "argmin", "any", "all"}
    | {"linalg_vector_norm", "_softmax", "_log_softmax"}
)
"""What takes one operation an entry that it reads."""

IDLE = frozenset({"_linalg_check_errors", "clone", "fill", "masked_fill", "conj_physical"})
"""What computes nothing, or writes what is known."""

SORTS = frozenset({"sort", "topk", "kthvalue", "argsort", "searchsorted"})


class OperationCounter(TorchDispatchMode):
    """Counts the operations of what runs within it: ``with OperationCounter() as counter: ...``.

    Attributes:
        total: operations so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0.0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.total += _operations(func, args, kwargs or {}, out)
        return out


def _operations(func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> float:
    packet = func._overloadpacket
    name = packet.__name__.rstrip("_")
    tensors = [one for one in args if isinstance(one, Tensor)]
    each = COMPLEX if any(tensor.is_complex() for tensor in tensors) else 1
    if packet in flop_registry:
        return each * float(flop_registry[packet](*args, **kwargs, out_val=out))
    if name in IDLE:
        return 0.0
    if (formula := (DECOMPOSITIONS | PRODUCTS).get(name)) is not None:
        return each * formula([tuple(tensor.shape) for tensor in tensors])
    if name.startswith("_fft"):
        return _transform(args[0], args[1], out)
    if "linalg" in name and name not in REDUCTIONS:
        raise NotImplementedError(f"operations of {name} are not known: add it to DECOMPOSITIONS")
    if torch.Tag.pointwise in func.tags:
        return each * float(out.numel()) if isinstance(out, Tensor) else 0.0
    if name in REDUCTIONS:
        return float(tensors[0].numel()) if tensors else 0.0
    if name in SORTS and tensors:
        return tensors[0].numel() * math.log2(
            max(2, tensors[0].shape[-1] if tensors[0].ndim else 2)
        )
    return 0.0


def _transform(x: Tensor, dims: list[int], out: Tensor) -> float:
    """Return 5 N log₂ N for each transform of N complex numbers, and half of it for real ones."""
    long = x if x.numel() >= out.numel() else out
    n = math.prod(long.shape[d] for d in dims)
    real = not (x.is_complex() and out.is_complex())
    return (0.5 if real else 1.0) * 5 * long.numel() * math.log2(max(2, n))


def operations_an_estimate(estimate: Callable[[Tensor], Any], x: Tensor) -> float:
    """Return what one more estimate costs: what is computed once for all is not counted.

    Args:
        estimate: answers observations, batch first.
        x: (n, ...), two or more.
    """
    totals = []
    for rows in (x[:1], x):
        with torch.no_grad(), OperationCounter() as counter:
            estimate(rows)
        totals.append(counter.total)
    return (totals[1] - totals[0]) / (len(x) - 1)
