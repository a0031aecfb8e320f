"""A made-up experiment that takes part in comparisons, and rows that are chosen by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.reading import load_file
from mbdl_repro.experiments.scale import Scale

FULL = Scale("full", "everything", "results", "figures")

TEXT = """\
book: {example: null, section: "6", title: Tiny, says: A tiny experiment.}
area: linear_estimation
scenario: {n_signal: 3, n_observations: 4, observation_matrix: gaussian, noise_std: 0.5}
beliefs:
  wrong: {noise_std: 1.0}
  unknown: {observation_matrix: null}
  unknown_and_wrong: {observation_matrix: null, noise_std: 1.0}
  nothing: {observation_matrix: null, signal_covariance: null, noise_std: null}
sweep: {n_train: [10, 100, 1000]}
samples: {validation: 10, test: 20}
seeds: 3
methods:
  mmse: {method: linear_mmse, legend: MMSE}
  steps: {method: gradient_descent, iterations: 5}
  mmse_off: {method: linear_mmse, belief: wrong}
  generative: {belief: unknown}
  generative_off: {method: generative, belief: unknown_and_wrong}
  discriminative: {belief: nothing}
  scales: {method: learned_mmse, learn: scales}
  network: {method: unfolded_gradient, iterations: 2}
  black_box: {}
metrics: [squared_error]
bounds: [minimum_mean_squared_error]
figure:
  caption: A tiny figure.
  panels:
    - {kind: dots, title: It is right, shades: n_train, y: squared_error,
       over: minimum_mean_squared_error,
       methods: [mmse, steps, generative, discriminative, scales, network, black_box]}
    - {kind: dots, title: It is wrong, shades: n_train, y: squared_error,
       over: minimum_mean_squared_error,
       methods: [mmse, mmse_off, generative_off, discriminative, black_box]}
roles:
  - {example: tiny, panels: {right: It is right, wrong noise: It is wrong}}
"""

Values = Mapping[tuple[str, int], Sequence[float]]

ERRORS: Values = {
    ("minimum_mean_squared_error", 0): [1.0, 1.0, 1.0],
    ("mmse", 0): [2.0, 1.0, 1.5],
    ("steps", 0): [4.0, 4.0, 4.0],
    ("mmse_off", 0): [4.0, 2.0, 3.0],
    **{("generative", n): [6.0 / f, 3.0 / f, 4.5 / f] for n, f in ((10, 1), (100, 3), (1000, 3))},
    **{("generative_off", n): [2.0, 1.0, 1.5] for n in (10, 100, 1000)},
    **{("discriminative", n): [8.0, 4.0, 6.0] for n in (10, 100, 1000)},
    **{("scales", n): [2.0, 1.0, 1.5] for n in (10, 100, 1000)},
    **{("network", n): [2.0 * f, f, 1.5 * f] for n, f in ((10, 2), (100, 1), (1000, 0.9))},
    **{("black_box", n): [20.0 * f, 10 * f, 15 * f] for n, f in ((10, 10), (100, 1), (1000, 0.5))},
}
"""Squared errors of each seed: those of the MMSE times a factor, but for ``steps``."""


def experiment(folder: Path, text: str = TEXT) -> Experiment:
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return load_file(path, FULL)


def rows_of(values: Values, **columns: object) -> pd.DataFrame:
    """Return the rows of seeds of some methods, as tables of experiments hold them."""
    return pd.DataFrame(
        {"method": method, "n_train": n, "n_parameters": 0, "seed": seed, "iteration": np.nan}
        | {"metric": "squared_error", "value": value, **columns}
        for (method, n), of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    )


def sources(folder: Path, values: Values = ERRORS) -> Sources:
    """Return what comparisons read of the experiment; costs rise in the order of the file."""
    tiny = experiment(folder)
    costs = {("tiny", label): 10.0**i for i, label in enumerate(tiny.methods)}
    return Sources({"tiny": tiny}, {"tiny": rows_of(values)}, costs, costs)
