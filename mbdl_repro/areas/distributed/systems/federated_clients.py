"""Clients that learn one classifier together, and keep their examples to themselves."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

from mbdl_repro.contract.scenario import Scenario, Split


class Environment(NamedTuple):
    """How five clients differ."""

    shares: tuple[int, ...] = (1, 1, 1, 1, 1)
    """Of the examples, over their sum."""
    labels: tuple[int, ...] | None = None
    """How many classes the examples of each are of; ``None``: of all."""
    local_steps: tuple[int, ...] = (4, 4, 4, 4, 4)
    """Gradient steps of each in a round."""
    link_probability: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)
    """Of the model of each to reach the server in a round."""


ENVIRONMENTS = {
    "equal": Environment(),
    "sizes": Environment(shares=(1042, 1023, 862, 1184, 4459)),
    "labels": Environment(labels=(1, 2, 3, 3, 3)),
    "steps": Environment(local_steps=(16, 1, 1, 1, 1)),
    "links": Environment(link_probability=(0.2, 0.3, 0.8, 0.9, 1.0)),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FederatedClients(Scenario):
    """A row is a whole federation: five clients with labelled examples, and queries to answer.

    The law is a row's own: C classes, equally likely, whose means are N(0, I) in d dimensions, and
    v = mean of its class + w,  w ~ N(0, σ² I). So what is learned on some federations is tested on
    the data of other clients.

    x (n, M + q, d + C) holds M examples, client after client, and then q queries: v, and the label
    as 1 among zeros. Of a query the label is not told: C zeros. Targets s (n, q, C) are the labels
    of the queries, and what is answered are their probabilities.

    Args:
        environment: how clients differ, with published numbers unless said otherwise. ``equal``:
            not at all. ``sizes``: 12, 12, 10, 14 and 52 % of the examples. ``labels``: examples of
            1, 2, 3, 3 and 3 classes, dealt in turn; published for 10 classes: 2, 3, 5, 5, 5.
            ``steps``: 16, 1, 1, 1 and 1 gradient steps a round, 4 of each elsewhere; published:
            2, 1, 1, 1, 1 passes over the data. ``links``: a model reaches the server with
            probability .2, .3, .8, .9 and 1.
        examples_per_client: M/5.
        n_queries: q.
        n_features: d.
        n_classes: C.
        noise_std: σ.

    Source: Nakai-Kasai and Wadayama, 2023, who learn and test on one federation, of digits; ours
    is smaller.
    """

    area = "distributed"
    name = "federated_clients"

    environment: Literal["equal", "sizes", "labels", "steps", "links"] = "equal"
    examples_per_client: Annotated[int, Gt(0)] = 24
    n_queries: Annotated[int, Gt(0)] = 24
    n_features: Annotated[int, Gt(0)] = 8
    n_classes: Annotated[int, Ge(2)] = 6
    noise_std: Annotated[float, Gt(0)] | None = 1.0

    def __post_init__(self) -> None:
        if not all(self.sizes):
            raise ValueError(
                f"examples_per_client is {self.examples_per_client}: a client has none then, where "
                f"environment is {self.environment}: allowed is 2 or more"
            )

    @property
    def clients(self) -> Environment:
        """How the clients differ."""
        return ENVIRONMENTS[self.environment]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of examples of the clients, which add up to M."""
        shares = np.cumsum(self.clients.shares) / np.sum(self.clients.shares)
        ends = np.rint(shares * 5 * self.examples_per_client).astype(int)
        return tuple(np.diff(ends, prepend=0).tolist())

    def check_truth(self) -> None:
        """Check that nothing is withheld that drawing needs."""
        self.required("noise_std")

    def sample(self, n: int, rng: np.random.Generator) -> Split:
        """Draw federations (n, M + q, d + C), and labels of their queries (n, q, C).

        Args:
            n: number of rows.
            rng: what they are drawn from.
        """
        self.check_truth()
        x, s = self.clear(n, rng)
        d = self.n_features
        x[..., :d] += self.required("noise_std") * rng.standard_normal((*x.shape[:2], d))
        return Split(x, s)

    def clear(self, n: int, rng: np.random.Generator) -> Split:
        """Draw the same, without the noise of features.

        Args:
            n: number of rows.
            rng: what they are drawn from.
        """
        means = rng.standard_normal((n, self.n_classes, self.n_features))
        examples = self._classes(n, rng)
        queries = rng.integers(self.n_classes, size=(n, self.n_queries))
        classes = np.concatenate([examples, queries], 1)
        labels = np.eye(self.n_classes)[classes]
        features = np.take_along_axis(means, classes[..., None], 1)
        s = labels[:, examples.shape[1] :].copy()
        labels[:, examples.shape[1] :] = 0
        return Split(np.concatenate([features, labels], 2), s)

    def _classes(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the classes of the clients' examples (n, M)."""
        C, first, parts = self.n_classes, 0, []
        order = rng.permuted(np.tile(np.arange(C), (n, 1)), axis=1)
        for size, own in zip(self.sizes, self.clients.labels or (C,) * 5, strict=True):
            chosen = first + rng.integers(min(own, C), size=(n, size))
            parts.append(np.take_along_axis(order, chosen % C, 1))
            first += own
        return np.concatenate(parts, 1)
