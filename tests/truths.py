"""The settings that tests of sparse recovery share, each a truth of the experiments."""

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery

EXAMPLE_5_6 = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=150,
    n_signal=200,
    n_nonzeros=4,
    nonzero_std=0.5,
    noise_std=0.01,
)
BENCHMARK = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=250,
    n_signal=500,
    nonzero_probability=0.1,
    nonzero_std=1.0,
    snr_db=40.0,
)
