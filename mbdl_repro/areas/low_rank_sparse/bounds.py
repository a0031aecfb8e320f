"""What is reached by who is told what others have to find out."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

N_MOVIES = 200
"""Over which a floor is a mean."""


@bound(metrics=("squared_error",), kind="floor", label="told tissue and paths")
def told_tissue_and_paths(truth: ContrastUltrasound) -> float:
    """Return the least mean ‖ŝ − s‖² of who is told the tissue, and where each bubble is when.

    Only the noise and the echoes of bubbles, α ~ CN(0, a² I), are not known then, and
    x − L = Φ α + w. The posterior mean has the error tr Φ (I/a² + ΦᴴΦ/σ²)⁻¹ Φᴴ, which is
    Σ_i g_i a² σ² / (σ² + g_i a²) in the eigenvalues g of ΦᴴΦ; the rest is a mean over paths. Who
    is told less cannot have less. It is far below, as to find tissue and paths is what is hard.

    Args:
        truth: the scenario, for the law of bubbles, and σ.
    """
    rng = rng_for("bound", *truth.identity(), "paths")
    noise, power = truth.required("noise_std") ** 2, truth.bubble_std**2
    errors = []
    for _ in range(N_MOVIES):
        rows, columns = truth.spreads(truth.bubbles(rng))
        gram = ((rows.conj().swapaxes(1, 2) @ rows) * (columns.swapaxes(1, 2) @ columns)).sum(0)
        g = np.linalg.eigvalsh(gram).clip(0)
        errors.append((g * power * noise / (noise + g * power)).sum())
    return float(np.mean(errors))


@bound(metrics=("bubble_nmse_db",), kind="reference", label="told where bubbles are")
def told_places(truth: ContrastUltrasound, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return each movie's error (n,), over the mean energy of bubbles, of who knows where they are.

    ŝ_p = V_p (R + V_p)⁻¹ x_p,  x_p the T frames of pixel p: the linear MMSE estimate, pixel by
    pixel, of who is told three things. V_p is diagonal, v in frames where |s_tp| > σ and 0 in
    others; v is the mean |s_tp|² of the former; R = (x − s)(x − s)ᴴ / N² is how frames of this
    movie's tissue and noise are correlated. What is left is what tissue does there that no other
    frame shows. Neighbouring pixels are not gone by, so that nothing forbids to be better.

    Args:
        truth: the scenario, for σ.
        test: movies x and bubbles s (n, T, N, N).
    """
    x, s = (a.reshape(*a.shape[:2], -1) for a in test)
    there, power = np.abs(s) > truth.noise_std, np.square(np.abs(s))
    v = (power * there).sum((1, 2)) / np.maximum(there.sum((1, 2)), 1)
    clutter = x - s
    R = clutter @ clutter.conj().swapaxes(1, 2) / x.shape[2]
    estimate = np.stack(
        [_weighted(*of_row) for of_row in zip(x, R, v[:, None, None] * there, strict=True)]
    )
    error: np.ndarray = np.square(np.abs(estimate - s)).sum((1, 2))
    return error / power.sum((1, 2)).mean()


def _weighted(
    x: Annotated[np.ndarray, "(T, P)"],
    R: Annotated[np.ndarray, "(T, T)"],
    variances: Annotated[np.ndarray, "(T, P)"],
) -> Annotated[np.ndarray, "(T, P)"]:
    """Return V_p (R + V_p)⁻¹ x_p of each pixel, columns of (T, P)."""
    V = variances.T[:, :, None]
    weighted: np.ndarray = V * np.linalg.solve(R + V * np.eye(len(R)), x.T[:, :, None])
    return weighted[:, :, 0].T
