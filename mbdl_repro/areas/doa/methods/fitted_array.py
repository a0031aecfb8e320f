"""Maximum likelihood with an array that is itself fitted by likelihood, to labelled snapshots."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.learned.fitted_sensors import FittedSensors
from mbdl_repro.areas.doa.signal.covariance import check_snapshots, sample_covariance
from mbdl_repro.areas.doa.signal.likelihood import Derivatives, Sensors, gaussian, share
from mbdl_repro.areas.doa.signal.likelihood_method import LikelihoodMethod
from mbdl_repro.areas.doa.signal.likelihood_search import LikelihoodSearch
from mbdl_repro.contract.method import Family, FitInputs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.training import History


class FittedArray(LikelihoodMethod):
    """Places and gains of sensors by maximum likelihood from pairs; then angles with that array.

    p̂, ĝ = argmax Σ_i tr(P(s_i; p, g) R_i) / tr R_i,  P = A (AᴴA)⁻¹ Aᴴ,
    θ̂ = argmax tr(P(θ; p̂, ĝ) R)

    p and g, 3 (N − 1) real numbers, are relative to the first sensor. They are found by a
    quasi-Newton method (L-BFGS) from where sensors are believed to stand, from so many pairs at
    most; where that array is less likely on validation data than what was believed, this is kept.
    With ``gaussian`` waveforms the covariance of the sources and the noise is then fitted, too,

    σ̂² = mean of tr((I − P) R) / (N − M),  P̂ = mean of A⁺ (R − σ̂² I) A⁺ᴴ

    over pairs whose sources are apart, and angles are those of greatest likelihood under
    CN(0, A P̂ Aᴴ + σ̂² I), in whatever unit snapshots are given: the likelier of what is reached by
    Fisher scoring from the likeliest angles of free, and of equal waveforms.

    Args:
        waveforms: ``free``: each source may send anything; ``gaussian``: as was fitted.
        most_pairs: of those given, the first so many are read.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: textbook (array calibration with known sources); in whole ours.
    """

    name = "fitted_array"
    family = Family.GENERATIVE_LEARNING
    parent = "maximum_likelihood"

    def __init__(
        self,
        belief: SensorArray,
        *,
        waveforms: Literal["free", "gaussian"] = "free",
        most_pairs: Annotated[int, Ge(1)] = 2000,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.waveforms = waveforms
        self.most_pairs = most_pairs
        self.array = FittedSensors(belief)
        if waveforms == "gaussian":
            self.source_parts: Tensor  # real and imaginary, as files of weights hold real numbers
            self.noise_variance: Tensor
            unfitted = torch.eye(self.n_sources, dtype=torch.complex128)
            self.register_buffer("source_parts", torch.view_as_real(unfitted).clone())
            self.register_buffer("noise_variance", torch.ones((), dtype=torch.float64))

    @property
    def sensors(self) -> Sensors:
        """The sensors as they are fitted."""
        return self.array()

    @property
    def source_covariance(self) -> Tensor:
        """P̂ (M, M), complex, of ``gaussian`` waveforms; the identity before it is fitted."""
        return torch.view_as_complex(self.source_parts)

    def prepare(self, split: Split) -> Split:
        """Return covariances X Xᴴ / T (n, N, N) in place of snapshots."""
        R = sample_covariance(check_snapshots(split.x, self.n_sensors))
        return Split(R, split.s)

    def loss(self, x: Annotated[Tensor, "(n, N, N)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the mean over rows of 1 − tr(P R) / tr R, the share that the angles leave.

        Args:
            x: covariances (n, N, N).
            s: true angles (n, M), in rad.
        """
        return (1 - share(x, s.sin(), self.sensors) / _trace(x)).mean()

    def _fit(self, inputs: FitInputs) -> History:
        train = self.prepare(Split(*(part[: self.most_pairs] for part in inputs.train)))
        validation = self.prepare(inputs.validation)
        tensors = list(self.array.parameters())
        believed = [tensor.detach().clone() for tensor in tensors]
        optimizer = torch.optim.LBFGS(
            tensors,
            max_iter=STEPS,
            tolerance_grad=1e-12,
            tolerance_change=1e-14,
            line_search_fn="strong_wolfe",
        )
        losses: list[float] = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.loss(*train)
            loss.backward()
            losses.append(loss.item())
            return loss

        history = [self._row(0, train, validation)]
        optimizer.step(closure)
        optimizer.zero_grad()
        history.append(self._row(len(losses), train, validation))
        if not history[1]["validation_loss"] < history[0]["validation_loss"]:
            with torch.no_grad():
                for tensor, before in zip(tensors, believed, strict=True):
                    tensor.copy_(before)
        if self.waveforms == "gaussian":
            self._fit_sources(train)
        inputs.report(1.0, f"validation loss {history[-1]['validation_loss']:.4g}")
        return history

    @torch.no_grad()
    def _row(self, step: int, train: Split, validation: Split) -> dict[str, float]:
        losses = {"train_loss": self.loss(*train), "validation_loss": self.loss(*validation)}
        return {"step": step, **{name: loss.item() for name, loss in losses.items()}}

    @torch.no_grad()
    def _fit_sources(self, train: Split) -> None:
        R, s = train
        A = self.sensors.steering(s.sin())
        gram = A.mH @ A
        apart = torch.linalg.eigvalsh(gram)[:, 0] > LEAST_EIGENVALUE
        R, A, gram = R[apart], A[apart], gram[apart]
        if not len(R):
            raise ValueError("fitted_array: in no training pair are sources apart")
        left = _trace(R) - share(R, s[apart].sin(), self.sensors)
        variance = left.mean() / (self.n_sensors - self.n_sources)
        B = torch.linalg.solve(gram, A.mH)
        noise = variance * torch.linalg.inv(gram)
        P = (B @ R @ B.mH - noise).mean(0)
        values, V = torch.linalg.eigh((P + P.mH) / 2)
        self.source_covariance.copy_((V * values.clamp_min(0)) @ V.mH)
        self.noise_variance.copy_(variance)

    def likeliest(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the likeliest u = sin θ (n, M), in any order, of covariances (n, N, N)."""
        if self.waveforms == "free":
            return self.search()(R)
        climber = self.search("shared")
        reached = [self._climbed(R, start, climber) for start in (self.search()(R), climber(R))]
        (first, at_first), (second, at_second) = reached
        return torch.where((at_first >= at_second)[:, None], first, second)

    def _climbed(self, R: Tensor, u: Tensor, search: LikelihoodSearch) -> tuple[Tensor, Tensor]:
        """Return where the Gaussian likelihood is climbed to from u, and its value there."""
        sensors = self.sensors

        def function(rows: Tensor, u: Tensor) -> Derivatives:
            return gaussian(R[rows], u, sensors, self.source_covariance, self.noise_variance)

        u, value = search.climb(function, u.sort(-1).values)
        return search.within(u), value.nan_to_num(nan=-math.inf)


STEPS = 60
"""Most steps of L-BFGS."""

LEAST_EIGENVALUE = 0.5
"""Of AᴴA, of sources that are apart enough to say what they send."""


def _trace(R: Tensor) -> Tensor:
    return R.diagonal(dim1=-2, dim2=-1).real.sum(-1)
