"""Agents on a graph, each with a few measurements of one sparse signal that all want to know."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from mbdl_repro.contract.arrays import read_only
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributedLasso(Scenario):
    """A sparse signal s, of which agent p observes x_p = H_p s + w_p, p = 1, …, P.

    Exactly k of the N entries of s are not zero, and N(0, 1); w_p ~ N(0, σ² I). H = [H_1; …; H_P]
    is Gaussian with columns scaled to length one, drawn once. Agents speak to their neighbours
    alone, on a random connected graph that is drawn once. What each believes s to be is its
    estimate: targets (n, P, N) hold s for every agent.

    Args:
        n_agents: P.
        rows_per_agent: m, measurements of an agent.
        n_signal: N.
        n_nonzeros: k.
        noise_std: σ.
        link_probability: of a link between two agents, before graphs that are not connected are
            thrown away (Erdős-Rényi).
        graph: which draw of the graph.
        loss_probability: of a message not to arrive, each by itself. Who listens then goes by the
            last one that did, or by 0. Known where messages are sent: methods lose them.

    Source: Noah and Shlezinger, 2024, "Distributed learn-to-optimize"; at a smaller size.
    """

    area = "distributed"
    name = "distributed_lasso"

    n_agents: Annotated[int, Ge(2)] = 8
    rows_per_agent: Annotated[int, Gt(0)] = 5
    n_signal: Annotated[int, Gt(0)] = 60
    n_nonzeros: Annotated[int, Gt(0)] = 4
    noise_std: Annotated[float, Ge(0)] | None = 0.05
    link_probability: Annotated[float, Gt(0), Le(1)] = 0.4
    graph: Annotated[int, Ge(0)] = 0
    loss_probability: Annotated[float, Ge(0), Lt(1)] = 0.0

    def __post_init__(self) -> None:
        if self.n_nonzeros > self.n_signal:
            raise ValueError(
                f"n_nonzeros is {self.n_nonzeros}: allowed is 1 to n_signal, which is "
                f"{self.n_signal}"
            )

    @property
    def H(self) -> Annotated[np.ndarray, "(P, m, N)"]:
        """The matrices of the agents (P, m, N), read-only."""
        return _matrices(self.n_agents, self.rows_per_agent, self.n_signal)

    @property
    def adjacency(self) -> Annotated[np.ndarray, "(P, P)"]:
        """1 where two agents are neighbours, else 0 (P, P), read-only."""
        return _adjacency(self.n_agents, self.link_probability, self.graph)

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        self.required("noise_std")

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw what agents observe (n, P, m), and s for each of them (n, P, N).

        Args:
            n: number of rows.
            rng: what they are drawn from.
        """
        P, m, N = self.H.shape
        places = np.argsort(rng.random((n, N)), axis=1)[:, : self.n_nonzeros]
        s = np.zeros((n, N))
        np.put_along_axis(s, places, rng.standard_normal(places.shape), axis=1)
        w = self.required("noise_std") * rng.standard_normal((n, P, m))
        return Split(x=np.einsum("pij,nj->npi", self.H, s) + w, s=np.repeat(s[:, None], P, axis=1))


@cache
def _matrices(P: int, m: int, N: int) -> np.ndarray:
    H = rng_for("matrices", "distributed", P, m, N).standard_normal((P * m, N))
    return read_only((H / np.linalg.norm(H, axis=0)).reshape(P, m, N))


@cache
def _adjacency(P: int, probability: float, graph: int) -> np.ndarray:
    rng = rng_for("graph", "distributed", P, probability, graph)
    while True:
        upper = np.triu(rng.random((P, P)) < probability, 1)
        A = (upper | upper.T).astype(float)
        if (np.linalg.matrix_power(np.eye(P) + A, P) > 0).all():
            return read_only(A)
