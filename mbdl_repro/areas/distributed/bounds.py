"""What no agents reach, however much they speak, and no clients, however they average."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.distributed.metrics import cross_entropy, error_rate
from mbdl_repro.areas.distributed.scenario import DistributedLasso
from mbdl_repro.areas.distributed.systems.federated_clients import FederatedClients
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split


@bound(metrics=("nmse_db",), kind="floor", label="all measurements, and the support")
def known_support(truth: DistributedLasso, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the least NMSE of one who is told all measurements, and where s is not zero, (n,).

    tr (H_SᵀH_S/σ² + I)⁻¹ / k,  S the support of each signal

    Args:
        truth: gives H, σ and k.
        test: pairs, of which only the supports are used.

    Source: textbook; the conditional mean of Gaussian numbers.
    """
    H = truth.H.reshape(-1, truth.n_signal)
    gram = H.T @ H / truth.required("noise_std") ** 2 + np.eye(truth.n_signal)
    supports = np.nonzero(test.s[:, 0])[1].reshape(len(test.s), truth.n_nonzeros)
    inside = gram[supports[:, :, None], supports[:, None, :]]
    traces: np.ndarray = np.trace(np.linalg.inv(inside), axis1=1, axis2=2)
    return traces / truth.n_nonzeros


@bound(metrics=("cross_entropy",), kind="floor", label="all examples, and their law")
def known_law(truth: FederatedClients, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the least cross entropy with all examples, and all known but the means (n,).

    The mean of a class is N(0, I) before the examples are seen. After N_c of its own, whose mean
    is v̄_c, it is N(m_c, ν_c I), 1/ν_c = 1 + N_c/σ², m_c = ν_c N_c v̄_c/σ², and a query of the class
    is N(m_c, (σ² + ν_c) I). Each query is answered by itself.

    Args:
        truth: gives σ and the sizes.
        test: pairs; of x the examples and the queries are used, of s nothing but for the score.

    Source: textbook; Bayes' rule of a Gaussian mixture, with a conjugate prior.
    """
    return cross_entropy(_posterior(truth, test), test, truth)


@bound(metrics=("error_rate",), kind="floor", label="all examples, and their law")
def known_law_error(truth: FederatedClients, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the least error rate with all examples, and all known but the means (n,).

    Args:
        truth: see :func:`known_law`.
        test: see there.

    Source: see there; the likeliest class.
    """
    return error_rate(_posterior(truth, test), test, truth)


def _posterior(truth: FederatedClients, test: Split) -> Annotated[np.ndarray, "(n, q, C)"]:
    """Return the probabilities of the classes of each query, given all examples (n, q, C)."""
    from scipy.special import softmax

    d, M, variance = truth.n_features, sum(truth.sizes), truth.required("noise_std") ** 2
    v, labels = test.x[..., :d], test.x[:, :M, d:]
    nu = 1 / (1 + labels.sum(1) / variance)
    means = nu[..., None] * np.einsum("nic,nid->ncd", labels, v[:, :M]) / variance
    distances = np.square(v[:, M:, None] - means[:, None]).sum(3)
    spread = (variance + nu)[:, None]
    return np.asarray(softmax(-(distances / spread + d * np.log(spread)) / 2, axis=2))
