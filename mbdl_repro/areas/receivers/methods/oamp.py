"""Orthogonal approximate message passing, for symbols."""

from __future__ import annotations

from mbdl_repro.areas.receivers.linear.oamp_layers import OampLayers
from mbdl_repro.contract.method import Family


class Oamp(OampLayers):
    """OAMP with a linear MMSE filter and the posterior mean of each amplitude.

    v² = (‖y − H ŝ‖² − N σ²) / tr HᵀH,  r = ŝ + W (y − H ŝ),  τ² = v² (c − 1),
    ŝ⁺ = E[s | s + N(0, τ²) = r],  with W = c Hᵀ(H Hᵀ + σ²/v² I)⁻¹,  tr W H = K

    The posterior mean is taken as it is, without the step that would make its errors orthogonal
    to r: so do OAMP-Net and its published comparisons.

    Maps x (n, N, T), or (n, N, K + T) with H before what is received, to ŝ (n, K, T), means.

    Source: Ma and Ping, 2017; He, Wen, Jin and Li, 2020.
    """

    name = "oamp"
    family = Family.MODEL_BASED
