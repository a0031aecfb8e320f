"""SubspaceNet: a network makes a covariance that subspace methods can decompose."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.learned.learned_covariance import LearnedCovariance
from mbdl_repro.areas.doa.signal.subspace import signal_subspace
from mbdl_repro.contract.method import Family


class Subspacenet(LearnedCovariance):
    """Lag features, a convolutional autoencoder to K, and a subspace method on R̂ = Kᴴ K + ε I.

    The autoencoder has three layers down and three up, of 2 × 2 kernels and anti-rectifiers, which
    double the channels. It reads the real and imaginary parts of R[l] = Σ_t x_t x_{t+l}ᴴ / (T − l),
    divided by the received power. Trained are its weights, through R̂: by the RMSPE of angles from
    a decoder, or by √(Σ_m ‖U_nᴴ a(s_m)‖² / (M N)), which chooses no root and is no decoder's own,
    or by both.

    As published it is ``free``, and trained through ``esprit`` or ``root_music``. A covariance
    whose diagonals are averaged (``toeplitz``) is one of few: it is learned in far fewer steps,
    and Root-MUSIC and ESPRIT then agree. There is no dropout, which the published network has
    before its last layer: in few passes over many examples it makes no difference; with few
    examples it might.

    Args:
        belief: gives N, M, the spacing, and T, which is at least ``lags``.
        structure: what Kᴴ K is averaged to: ``free``: nothing; ``persymmetric``: R = J R* J;
            ``toeplitz``: one value on each diagonal.
        trained_through: RMSPE of ``esprit``, ``root_music``, or their mean (``both``); the
            ``subspace`` loss; or that and the RMSPE of ESPRIT (``subspace_esprit``).
        decoder: what decomposes R̂ for an answer; no fit depends on it.
        grid: points over [−90°, 90°) of MUSIC's spectrum.
        refine: whether MUSIC goes on from its grid to the peak itself.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Example 5.10; Shmuel, Merkofer, Revach, van Sloun and Shlezinger, 2023. The subspace
    loss, and structures, are ours.
    """

    name = "subspacenet"
    family = Family.DNN_AIDED_INFERENCE
    unfitted_stream = "Subspacenet"
    activation = "anti_rectifier"
    not_fitted: ClassVar[tuple[str, ...]] = ("decoder", "grid", "refine")

    def __init__(
        self,
        belief: SensorArray,
        *,
        structure: Literal["free", "persymmetric", "toeplitz"] = "free",
        trained_through: Literal[
            "esprit", "root_music", "both", "subspace", "subspace_esprit"
        ] = "subspace_esprit",
        decoder: Literal["root_music", "esprit", "music"] = "root_music",
        grid: Annotated[int, Ge(8)] = 360,
        refine: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.structure, self.decoder = structure, decoder
        self.grid, self.refine = grid, refine
        self.trained_through = trained_through

    def loss(self, x: Annotated[Tensor, "(n, N, T)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the loss that ``trained_through`` names; where it names two, their sum or mean."""
        Us = signal_subspace(self.covariance_of(x), self.n_sources)
        if self.trained_through == "subspace":
            return self.subspace_loss(Us, s)
        if self.trained_through == "subspace_esprit":
            return self.subspace_loss(Us, s) + self.periodic_loss_through(Us, s, "esprit")
        if self.trained_through == "both":
            through = [self.periodic_loss_through(Us, s, d) for d in ("esprit", "root_music")]
            return (through[0] + through[1]) / 2
        return self.periodic_loss_through(Us, s, self.trained_through)
