"""The linear-quadratic regulator: the gains of a plant whose state is known."""

from __future__ import annotations

from mbdl_repro.areas.tracking.control.model import Plant
from mbdl_repro.areas.tracking.systems.arrays import Array, namespace


def regulator(plant: Plant[Array], T: int) -> tuple[list[Array], list[Array]]:
    """Return the gains of the least cost over T steps, and what states cost from each step on.

    L_t = (R + Bᵀ P_{t+1} B)⁻¹ Bᵀ P_{t+1} F,  P_t = Q + Fᵀ P_{t+1} (F − B L_t),  P_T = Q

    No noise enters them: u_t = −L_t ŝ_t is optimal with the mean ŝ_t of the state, too, given
    all that is measured (certainty equivalence). Gradients pass through, and leading axes of all
    matrices are a batch.

    Args:
        plant: F, B, Q and R; nothing else is read.
        T: steps t = 1 … T, of which the last has no input.

    Returns:
        L_1 … L_{T−1}, (p, m) each, and P_1 … P_T, (m, m) each.

    Source: textbook.
    """
    F, B, _, Q, R, _ = plant
    solve = namespace(F).linalg.solve
    P, gains, costs = Q, [], [Q]
    for _ in range(T - 1):
        L = solve(R + B.mT @ P @ B, B.mT @ P @ F)
        P = Q + F.mT @ P @ (F - B @ L)
        P = (P + P.mT) / 2
        gains.append(L)
        costs.append(P)
    return gains[::-1], costs[::-1]
