"""Maximum likelihood: angles whose steering vectors span most of the snapshots."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.signal.likelihood import Sensors
from mbdl_repro.areas.doa.signal.likelihood_method import LikelihoodMethod
from mbdl_repro.contract.method import Family


class MaximumLikelihood(LikelihoodMethod):
    """The angles of greatest likelihood, where the waveforms are unknown numbers.

    θ̂ = argmax tr(P R), with R = X Xᴴ / T and P = A (AᴴA)⁻¹ Aᴴ the projector on the steering
    vectors A(θ). Each angle is searched on a grid while the others are held (alternating
    projection), the first ones with fewer sources; then Newton's method moves all of them
    at once. It does this from several starts, and keeps the likeliest angles. As nothing is said
    of how waveforms are distributed, sources may be coherent.

    All is done in u = sin θ: the beam of an array is equally wide everywhere in u, and at half a
    wavelength u goes on at −1 where it ends at 1. Sensors may stand anywhere on a line, and have
    any gains.

    Args:
        waveforms: ``free``: each source may send anything; ``shared``: it is known that all
            send the same, and arrive with equal phases and powers, as in the published coherent
            scenario: θ̂ = argmax bᴴ R b / bᴴb, with b = Σ_m a(θ_m).

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Ziskin and Wax, 1988; Viberg, Ottersten and Kailath, 1991, for moving all at once.
    """

    name = "maximum_likelihood"
    family = Family.MODEL_BASED

    def __init__(
        self,
        belief: SensorArray,
        *,
        waveforms: Literal["free", "shared"] = "free",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.waveforms: Literal["free", "shared"] = waveforms
        self.positions: Tensor  # in wavelengths
        self.gains: Tensor
        self.register_buffer("positions", torch.tensor(belief.positions), persistent=False)
        self.register_buffer("gains", torch.tensor(belief.gains), persistent=False)

    @property
    def sensors(self) -> Sensors:
        """The sensors as they are believed to be."""
        return Sensors(self.positions, self.gains)

    def likeliest(self, R: Annotated[Tensor, "(n, N, N)"]) -> Annotated[Tensor, "(n, M)"]:
        """Return the likeliest u = sin θ (n, M), in any order, of covariances (n, N, N)."""
        return self.search(self.waveforms)(R)
