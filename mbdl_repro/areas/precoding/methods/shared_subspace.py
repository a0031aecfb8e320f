"""A hybrid precoder in closed form: the subspace of most energy, then water-filling."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from mbdl_repro.areas.precoding.bases import Precoder, shared_subspace
from mbdl_repro.areas.precoding.updates import Factors
from mbdl_repro.contract.method import Family


class SharedSubspace(Precoder):
    """W_a that keeps most energy of the channels of all bands, and the best W_d behind it.

    W_a: the L first eigenvectors of Σ_b H_bᴴH_b,    W_{d,b} = V_b P_b^½ U_bᴴ of H_b W_a

    The best W_d for this W_a, by water-filling over all bands. With L = M it is the best precoder
    there is.

    Maps x (n, B, N, M) to Wᴴ (n, B, N, M).

    Source: textbook.
    """

    name = "shared_subspace"
    family = Family.MODEL_BASED

    def factors(self, H: Annotated[Tensor, "(n, B, N, M)"]) -> Factors:
        """Return the precoder of channels (n, B, N, M)."""
        return shared_subspace(H, self.n_chains)
