"""H with its adjoint, and the inverses that restoration needs in closed form.

Images s are (n, height, width); what is observed of them, x, has the shape that each operator
says. Operators hold for images of every size that they can divide, not only for the belief's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from torch import Tensor, nn

from mbdl_repro.areas.image_restoration.physics.degradation import SMALLEST_SIDE


class Operator(nn.Module, ABC):
    """A linear map H from images to observations.

    The kernel or matrix is a buffer that is not stored: a belief tells it anew.
    """

    @abstractmethod
    def forward(self, s: Tensor) -> Tensor:
        """Return H s."""

    @abstractmethod
    def adjoint(self, x: Tensor) -> Tensor:
        """Return Hᵀx, images."""

    @abstractmethod
    def solve_gram(self, x: Annotated[Tensor, "(n, …)"], ridge: Tensor | float) -> Tensor:
        """Return (H Hᵀ + ρ I)⁻¹x.

        Args:
            x: observations (n, …), as :meth:`forward` makes them.
            ridge: ρ > 0, a number, or one an observation (n,).
        """

    @abstractmethod
    def lipschitz_constant(self, side: int) -> float:
        """Return the largest eigenvalue of HᵀH for images with so many pixels a side."""

    @abstractmethod
    def image_sides(self, x: Tensor) -> tuple[int, int]:
        """Return the height and width of the images that x were observed of."""

    def gradient(
        self, s: Annotated[Tensor, "(n, height, width)"], x: Annotated[Tensor, "(n, …)"]
    ) -> Annotated[Tensor, "(n, height, width)"]:
        """Return Hᵀ(H s − x), the gradient of ½‖x − H s‖² in s.

        Args:
            s: images (n, height, width).
            x: observations (n, …), as :meth:`forward` makes them.

        Returns:
            Images (n, height, width).
        """
        return self.adjoint(self(s) - x)

    def proximal(
        self,
        z: Annotated[Tensor, "(n, height, width)"],
        x: Annotated[Tensor, "(n, …)"],
        ridge: Tensor | float,
    ) -> Tensor:
        """Return the image near z that agrees with x, in closed form.

        argmin_s ½‖x − H s‖² + ρ/2 ‖s − z‖² = z + Hᵀ(H Hᵀ + ρ I)⁻¹(x − H z)

        Args:
            z: images (n, height, width).
            x: observations (n, …), as :meth:`forward` makes them.
            ridge: ρ > 0, a number, or one an observation (n,).
        """
        return z + self.adjoint(self.solve_gram(x - self(z), ridge))

    def start(self, x: Tensor) -> Tensor:
        """Return a first image, linear in x: Hᵀ(H Hᵀ + L/100 · I)⁻¹x if not said otherwise.

        L is the largest eigenvalue of HᵀH.

        Raises:
            ValueError: if no square image of a sensible size has such observations.
        """
        self.check(x)
        ridge = self.lipschitz_constant(self.image_sides(x)[0]) / 100
        return self.adjoint(self.solve_gram(x, ridge))

    def check(self, x: Tensor) -> None:
        """Refuse observations of which no square image of a sensible size comes.

        Raises:
            ValueError: saying which shape they have and which is allowed.
        """
        height, width = self.image_sides(x)
        if height != width:
            raise ValueError(
                f"observations of shape {tuple(x.shape)} are of images of {height} × {width} "
                "pixels: they should be square"
            )
        if height < SMALLEST_SIDE:
            raise ValueError(
                f"observations of shape {tuple(x.shape)} are of images of {height} × {width} "
                f"pixels: they should have {SMALLEST_SIDE} a side or more"
            )
