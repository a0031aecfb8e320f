"""What errors methods make in the limit of many snapshots."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.doa.theory.fisher import (
    Reception,
    in_angles,
    projected_slopes,
    steering_and_slopes,
)


def music_covariance(
    angle_rad: Annotated[np.ndarray, "(n, M)"],
    P: Annotated[np.ndarray, "(M, M)"],
    known: Reception,
) -> Annotated[np.ndarray, "(n, M, M)"]:
    """Return the covariance of the errors of MUSIC and Root-MUSIC for many snapshots.

    With H = DᴴΠD and B = P⁻¹ + σ² P⁻¹ (AᴴA)⁻¹ P⁻¹ it is

    σ²/(2T) (H ∘ I)⁻¹ Re(H ∘ Bᵀ) (H ∘ I)⁻¹,

    and A, D and Π are those of :mod:`~mbdl_repro.areas.doa.theory.fisher`.

    Args:
        angle_rad: θ (n, M), from broadside.
        P: (M, M), or (n, M, M), of the waveforms; not singular.
        known: the sensors, their noise, and T.

    Returns:
        (n, M, M), in rad²; infinite where two angles have one steering vector.

    Raises:
        ValueError: if P is singular: MUSIC then does not find the sources, however long it looks.

    Source: Stoica and Nehorai, 1989; Rao and Hari, 1989, for Root-MUSIC.
    """
    if (np.linalg.matrix_rank(P, hermitian=True) < np.shape(P)[-1]).any():
        raise ValueError("sources are coherent, of which MUSIC has no error that falls with T")
    A, D = steering_and_slopes(angle_rad, known)
    slack = projected_slopes(A, D)
    own = slack.diagonal(axis1=-2, axis2=-1).real
    apart = np.all(own > 0, axis=-1)[..., None, None]
    own = np.where(apart[..., 0], own, 1)
    gram = np.where(apart, np.swapaxes(A, -1, -2).conj() @ A, np.eye(A.shape[-1]))
    inverse = np.linalg.inv(P)
    B = inverse + known.noise_variance * inverse @ np.linalg.solve(
        gram, np.broadcast_to(inverse, gram.shape)
    )
    crossed = (slack * np.swapaxes(B, -1, -2)).real
    scaled = np.where(apart, crossed / (own[..., :, None] * own[..., None, :]), np.inf)
    return in_angles(known.noise_variance / (2 * known.n_snapshots) * scaled, angle_rad)
