"""Deep Root-MUSIC: the predecessor of SubspaceNet, trained through the roots alone."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.doa.learned.learned_covariance import LearnedCovariance
from mbdl_repro.areas.doa.signal.subspace import signal_subspace
from mbdl_repro.contract.method import Family


class DeepRootMusic(LearnedCovariance):
    """Lag features, a convolutional autoencoder to K, and Root-MUSIC on R̂ = Kᴴ K + ε I.

    The autoencoder has three layers down and three up, of 2 × 2 kernels and leaky rectifiers of
    slope 1/2. It is trained by the RMSPE of the angles of the roots, each of which moves by
    dz = −dp(z) / p′(z) as the null spectrum p does: much, where it is near its partner on the
    other side of the circle.

    Maps x (n, N, T), complex, to angles (n, M) in rad, rising.

    Source: Shmuel, Merkofer, Revach, van Sloun and Shlezinger, Deep Root MUSIC, ICASSP 2023.
    """

    name = "deep_root_music"
    family = Family.DNN_AIDED_INFERENCE
    unfitted_stream = "DeepRootMusic"
    activation = "leaky_rectifier"

    def loss(self, x: Annotated[Tensor, "(n, N, T)"], s: Annotated[Tensor, "(n, M)"]) -> Tensor:
        """Return the RMSPE of Root-MUSIC's angles, the mean over rows."""
        Us = signal_subspace(self.covariance_of(x), self.n_sources)
        return self.periodic_loss_through(Us, s, "root_music")
