"""The steps of image restoration, on 64 photographs of 72 × 72 pixels, beside other ways to them.

The data step argmin ½‖x − H s‖² + ρ/2 ‖s − z‖², in closed form for all images at once, stands
beside SciPy's conjugate gradients, one image after another, to the same accuracy; the wavelet
transform and its inverse beside PyWavelets'.
"""

from timing import one_thread, seconds, show

one_thread()

import sys  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from scipy.sparse.linalg import LinearOperator, cg  # noqa: E402

from mbdl_repro.areas.image_restoration.physics.operator import Operator  # noqa: E402
from mbdl_repro.areas.image_restoration.physics.operators import operator_of  # noqa: E402
from mbdl_repro.areas.image_restoration.priors.wavelets import (  # noqa: E402
    inverse_wavelet_transform,
    wavelet_transform,
)
from mbdl_repro.areas.image_restoration.scenario import Photographs  # noqa: E402

try:
    import pywt
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: pip install PyWavelets")

N_ROWS, SIDE, RIDGE = 64, 72, 0.01
TRUTHS = {
    "super-resolution by 2": Photographs(degradation="super_resolution", noise_std=0.01),
    "deblurring": Photographs(degradation="deblurring", blur_std=1.6, noise_std=0.01),
    "compressed sensing": Photographs(degradation="compressed_sensing", noise_std=0.01),
}


def by_conjugate_gradients(H: Operator, z: torch.Tensor, x: torch.Tensor) -> np.ndarray:
    """Solve (HᵀH + ρ I) s = Hᵀx + ρ z for one image after another."""

    def normal(s: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(s.reshape(1, SIDE, SIDE))
        return (H.adjoint(H(image)) + RIDGE * image).numpy().ravel()

    system = LinearOperator((SIDE**2, SIDE**2), matvec=normal, dtype=float)
    right = (H.adjoint(x) + RIDGE * z).numpy().reshape(len(x), -1)
    return np.stack([cg(system, b, rtol=1e-8)[0] for b in right]).reshape(z.shape)


def by_pywavelets(s: np.ndarray) -> np.ndarray:
    """Transform forth and back, one image after another."""
    return np.stack(
        [
            pywt.waverec2(pywt.wavedec2(image, "db4", "periodization", 3), "db4", "periodization")
            for image in s
        ]
    )


def main() -> None:
    """Time them, one after another, on the same images."""
    rows = []

    def row(what: str, time: float, first: float, apart: float) -> None:
        rows.append((what, f"{1000 * time:.2f}", f"{time / first:.1f}", f"{apart:.0e}"))

    with torch.no_grad():
        for name, truth in TRUTHS.items():
            x, s = (torch.from_numpy(part) for part in truth.draw(N_ROWS, "test", 100))
            H, z = operator_of(truth), s + 0.1 * torch.sin(torch.arange(SIDE) / 3.0)
            ours = seconds(lambda H=H, z=z, x=x: H.proximal(z, x, RIDGE), 20)
            row(f"data step, {name}: ours", ours, ours, 0.0)
            theirs = seconds(lambda H=H, z=z, x=x: by_conjugate_gradients(H, z, x), 2)
            gap = np.abs(by_conjugate_gradients(H, z, x) - H.proximal(z, x, RIDGE).numpy()).max()
            row(f"data step, {name}: conjugate gradients", theirs, ours, gap)
        ours = seconds(
            lambda: inverse_wavelet_transform(wavelet_transform(s, "db4", 3), "db4", 3), 20
        )
        row("wavelets, forth and back: ours", ours, ours, 0.0)
        images = s.numpy()
        theirs = seconds(lambda: by_pywavelets(images), 5)
        row(
            "wavelets, forth and back: PyWavelets",
            theirs,
            ours,
            np.abs(by_pywavelets(images) - images).max(),
        )
    columns = (f"{N_ROWS} images of {SIDE} × {SIDE}", "milliseconds", "times ours", "apart")
    show("images", columns, rows)


if __name__ == "__main__":
    main()
