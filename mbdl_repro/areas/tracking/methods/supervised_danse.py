"""DANSE trained on labelled trajectories."""

from __future__ import annotations

from mbdl_repro.areas.tracking.learned.gru_prior import GruPrior
from mbdl_repro.contract.method import Family


class SupervisedDanse(GruPrior):
    """DANSE trained on labelled states, by its squared error.

    Where H is believed wrongly, the prior may make up for a part of it.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Ghosh, Honoré and Chatterjee, 2024, for the rule; trained on states by us.
    """

    name = "supervised_danse"
    family = Family.DNN_AIDED_PRIOR
