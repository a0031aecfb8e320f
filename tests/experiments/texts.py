"""Small experiments that tests edit, and how they are read."""

from pathlib import Path

from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.scale import Scale

ROOT = Path(__file__).parents[2]

FULL = Scale("full", "everything", "results", "figures")

BASE = """\
book:
  example: "5.6"
  section: "5.3"
  title: Learned ISTA
  says: It needs fewer iterations.
area: sparse_recovery
scenario:
  observation_matrix: unit_columns
  n_observations: 6
  n_signal: 8
  n_nonzeros: 2
  nonzero_std: 0.5
  noise_std: 0.3
beliefs:
  blind: {nonzero_std: null}
sweep:
  noise_std: [0.1, 0.2]
  n_train: [10, 20]
samples: {validation: 5, test: 7}
seeds: 6
block: 3
methods:
  ista:
    iterations: 9
    tune:
      rho: [0.5, 0.25]
  ista_strong:
    method: ista
    iterations: 9
    rho: 0.75
  lista:
    legend: LISTA
    belief: blind
    iterations: 3
    rho: 0.125
    recipe:
      steps: 30
metrics:
  - squared_error
  - squared_residual
trace: [0, 1, 2, 5]
bounds:
  - oracle_least_squares
figure:
  caption: A caption.
  panels:
    - kind: lines
      title: Error
      x: noise_std
      y: squared_error
      where: {n_train: 10}
claims:
  - says: It is better.
    source: Example 5.6
    left: {method: lista}
    relation: below
    right: {method: ista}
    at: {noise_std: 0.1, n_train: [10, 20]}
published:
  - source: read off the plot
    method: ista
    at: {noise_std: 0.2}
    value: 1.5
    tolerance: 0.01
"""
MINIMAL = """\
book: {example: null, section: "3", title: A title, says: A sentence.}
area: linear_estimation
scenario: {}
samples: {validation: 5, test: 7}
seeds: 1
methods: {linear_mmse: {}}
metrics: [squared_error]
figure:
  caption: A caption.
  panels: [{kind: lines, title: Error, x: noise_std, y: squared_error}]
sweep: {noise_std: [0.5, 1]}
"""


def load(folder, text, scale=FULL, name="1.01_example.yaml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return experiment_file.load_file(path, scale)


def edited(old, new, text=BASE):
    assert text.count(old) == 1, f"the edit is not of one place: {old!r}"
    return text.replace(old, new)


def deep(entry: str) -> str:
    return edited("    method: ista\n    iterations: 9\n    rho: 0.75", f"    {entry}")
