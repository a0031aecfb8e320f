"""The best linear answer for images whose covariance is that of training images, by lag."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from mbdl_repro.areas.image_restoration.physics.block_matrix import BlockMatrix
from mbdl_repro.areas.image_restoration.physics.blur import (
    BlurAndDecimate,
    filtered,
    transfer_function,
)
from mbdl_repro.areas.image_restoration.physics.conjugate_gradient import solved
from mbdl_repro.areas.image_restoration.physics.degradation import (
    DegradedImages,
    positive_noise_std,
)
from mbdl_repro.areas.image_restoration.solvers.restoration import Restoration
from mbdl_repro.areas.linear_estimation.updates import linear_mmse_gain
from mbdl_repro.contract.method import ClosedFormMethod, Family, Split


class StationaryGaussian(Restoration, ClosedFormMethod):
    """The posterior mean under a stationary Gaussian prior that is fitted to images.

    ŝ = μ + C Hᵀ (H C Hᵀ + σ² I)⁻¹ (x − H μ),    C_pq = r(|p − q|)
    r(d) = Σ (s_p − μ)(s_{p+d} − μ) / (n side²), over pairs of pixels in the same patch

    The sum has fewer pairs at longer lags, and is divided by the same number: that tapers r
    to 0, and makes C a covariance on images of every size. r is averaged over mirrored and
    transposed images. For blurs C is circulant, and this is Wiener's filter; for blocks it is
    that of a block's pixels, and for other H conjugate gradients find the inverse. Before it is
    fitted its answer is black.

    Args:
        belief: knows H and ``noise_std``, and the side of training patches.

    Maps x (n, …), as the degradation makes it, to images (n, side, side), grey levels from 0 to 1.

    Source: Section 5.1, generative learning; Wiener, 1949.
    """

    name = "stationary_gaussian"
    family = Family.GENERATIVE_LEARNING

    def __init__(self, belief: DegradedImages) -> None:
        super().__init__(belief)
        self.noise_variance = positive_noise_std(belief) ** 2
        self.mean = nn.Parameter(torch.zeros((), dtype=torch.float64))
        lags = belief.patch_side
        self.covariance = nn.Parameter(torch.zeros(lags, lags, dtype=torch.float64))

    def forward(self, x: Annotated[Tensor, "(n, …)"]) -> Annotated[Tensor, "(n, side, side)"]:
        """Map observations to images (n, side, side)."""
        self.H.check(x)
        sides = self.H.image_sides(x)
        grey = self.mean.expand(1, *sides)
        centred = x - self.H(grey)
        if isinstance(self.H, BlockMatrix):
            return grey + self._of_blocks(self.H, centred)
        S = transfer_function(self._mirrored(), *sides).real
        if isinstance(self.H, BlurAndDecimate) and self.H.factor == 1:
            h = transfer_function(self.H.kernel, *sides)
            gain = S * h.conj() / (S * h.abs().square() + self.noise_variance)
            return grey + filtered(centred, gain)

        def gram(y: Tensor) -> Tensor:
            return self.H(filtered(self.H.adjoint(y), S)) + self.noise_variance * y

        return grey + filtered(self.H.adjoint(solved(centred, gram)), S)

    @torch.no_grad()
    def solve(self, train: Split) -> None:
        """Measure the mean, and the covariance at each lag, of the training patches.

        Raises:
            ValueError: if patches are of another size than believed.
        """
        n, side, _ = train.s.shape
        if side != len(self.covariance):
            raise ValueError(
                f"training patches have {side} pixels a side: the belief has patch_side "
                f"{len(self.covariance)}"
            )
        mean = train.s.mean()
        # Surrounded by as many zeros, so that no pair goes around the border.
        power = torch.fft.rfft2(train.s - mean, s=(2 * side, 2 * side)).abs().square().sum(0)
        r = torch.fft.irfft2(power, s=(2 * side, 2 * side)) / (n * side**2)
        right = r[:side, :side]
        left = torch.cat([r[:side, :1], r[:side, side + 1 :].flip(1)], 1)
        r = (right + left) / 2
        self.mean.copy_(mean)
        self.covariance.copy_((r + r.mT) / 2)

    def _mirrored(self) -> Annotated[Tensor, "(2·lags − 1, 2·lags − 1)"]:
        """Return the covariance as a kernel: at all lags, positive or not."""
        lags = len(self.covariance)
        at = torch.arange(1 - lags, lags, device=self.covariance.device).abs()
        return self.covariance[at[:, None], at]

    def _of_blocks(self, H: BlockMatrix, centred: Tensor) -> Tensor:
        """Return what is added to the mean, block by block."""
        b = H.block_side
        places = torch.arange(b, device=centred.device)
        at = (places[:, None] - places).abs()
        more = max(b - len(self.covariance), 0)  # lags that no patch has
        r = functional.pad(self.covariance, [0, more, 0, more])
        C = r[at[:, None, :, None], at[None, :, None, :]].reshape(b * b, b * b)
        G = linear_mmse_gain(H.matrix, C, self.noise_variance)
        return functional.pixel_shuffle((centred @ G.mT).movedim(3, 1), b)[:, 0]
