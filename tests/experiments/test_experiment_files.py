"""Every mistake in an experiment or scale file is one message: file, line, value, and the cure."""

from pathlib import Path

import pytest
import yaml

from mbdl_repro.contract.hashing import canonical
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments import specs
from mbdl_repro.experiments.scale import AtMost, Scale

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted((ROOT / experiment_file.EXPERIMENTS).glob("*.yaml"))
SCALES = sorted((ROOT / experiment_file.SCALES).glob("*.yaml"))
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


# --- mistakes ---

# name: (what to replace, by what, words of the message); `#<` ends the line that is blamed.
MISTAKES = {
    # keys
    "unknown key at the top": (
        "seeds: 6",
        "seeds: 6\nplots: 3 #<",
        ["unknown key 'plots'", "allowed: area, ", "samples"],
    ),
    "misspelt key at the top": (
        "seeds: 6",
        "sedes: 4 #<",
        ["unknown key 'sedes'", "did you mean seeds?"],
    ),
    "misspelt key in the book": (
        '  section: "5.3"',
        '  sction: "5.3" #<',
        ["unknown key 'sction'", "did you mean section?"],
    ),
    "misspelt key in samples": (
        "samples: {validation: 5, test: 7}",
        "samples: {validation: 5, tests: 7} #<",
        ["samples.tests: unknown key 'tests'", "did you mean test?"],
    ),
    "misspelt field in the scenario": (
        "  n_nonzeros: 2",
        "  n_nonzero: 2 #<",
        ["unknown scenario field 'n_nonzero'", "did you mean n_nonzeros?"],
    ),
    "unknown field in a belief": (
        "blind: {nonzero_std: null}",
        "blind: {colour: null} #<",
        ["beliefs.blind.colour", "unknown scenario field 'colour'", "noise_std"],
    ),
    "misspelt setting of a method": (
        "rho: 0.125",
        "roh: 0.125 #<",
        ["methods.lista.roh: unknown key 'roh'", "did you mean rho?", "belief", "iterations"],
    ),
    "misspelt setting that is tuned": (
        "rho: [0.5, 0.25]",
        "rhoo: [0.5] #<",
        ["methods.ista.tune.rhoo", "did you mean rho?", "allowed: gap_tolerance, iterations"],
    ),
    "unknown setting that is tuned": (
        "rho: [0.5, 0.25]",
        "rho: [0.5]\n      colour: [1] #<",
        ["unknown setting to tune 'colour'", "allowed: gap_tolerance, iterations, rho"],
    ),
    "misspelt key of a method's frame": (
        "legend: LISTA",
        "legnd: LISTA #<",
        ["unknown key 'legnd'", "did you mean legend?"],
    ),
    "misspelt key in a recipe": (
        "steps: 30",
        "learning_rte: 0.1 #<",
        ["recipe.learning_rte: unknown key", "did you mean learning_rate?"],
    ),
    "unknown key in the figure": (
        "caption: A caption.",
        "caption: A caption.\n  rows: 2 #<",
        ["figure.rows: unknown key 'rows'", "columns, legend_columns, panels"],
    ),
    "misspelt key in a panel": (
        "      x: noise_std",
        "      x: noise_std\n      y_scal: log #<",
        ["figure.panels.0.y_scal: unknown key", "did you mean y_scale?", "kind"],
    ),
    "misspelt key in a claim": (
        "    relation: below",
        "    relation: below\n    facter: 2 #<",
        ["claims.0.facter: unknown key 'facter'", "did you mean factor?"],
    ),
    "misspelt key in a side of a claim": (
        "left: {method: lista}",
        "left: {metod: lista} #<",
        ["claims.0.left.metod: unknown key", "did you mean method?"],
    ),
    "misspelt key in a published number": (
        "value: 1.5",
        "value: 1.5\n    remarks: none #<",
        ["published.0.remarks: unknown key", "did you mean remark?"],
    ),
    "missing key at the top": (
        "area: sparse_recovery\n",
        "",
        ["key 'area' is missing", "allowed: area, beliefs"],
    ),
    "missing key in the book": (
        'book:\n  example: "5.6"\n  section: "5.3"\n  title: Learned ISTA\n',
        'book: #<\n  example: "5.6"\n  section: "5.3"\n',
        ["book: key 'title' is missing", "allowed: example, says, section, title"],
    ),
    "missing field of the scenario": (
        "scenario:\n  observation_matrix: unit_columns\n",
        "scenario: #<\n",
        ["scenario: key 'observation_matrix' is missing", "n_signal, noise_std"],
    ),
    "missing setting of a method": (
        "  ista_strong:\n    method: ista\n    iterations: 9\n    rho: 0.75",
        "  ista_strong: #<\n    method: ista\n    iterations: 9",
        ["methods.ista_strong: key 'rho' is missing"],
    ),
    "place that there is not": (
        "      where: {n_train: 10}\n",
        "      where: {n_train: 10}\n"
        "    - {kind: signals, title: Signal, show: target, methods: [ista], place: 2} #<\n",
        ["figure.panels.1.place: 2: 'ista' is scored at 2", "allowed is 0 to 1"],
    ),
    "course of what learns nothing": (
        "      where: {n_train: 10}\n",
        "      where: {n_train: 10}\n"
        "    - {kind: history, title: Course, methods: [lista, ista_strong]} #<\n",
        ["figure.panels.1.methods.1: 'ista_strong' learns nothing"],
    ),
    "missing kind of panel": (
        "    - kind: lines\n      title: Error",
        "    - title: Error #<",
        [
            "figure.panels.0: key 'kind' is missing",
            "allowed: dots, eigenvalues, history, images, lines",
        ],
    ),
    "missing side of a claim": (
        "  - says: It is better.\n    source: Example 5.6\n    left: {method: lista}",
        "  - says: It is better. #<\n    source: Example 5.6",
        ["claims.0: key 'left' is missing"],
    ),
    "missing tolerance of a published number": (
        "  - source: read off the plot\n    method: ista\n    at: {noise_std: 0.2}\n"
        "    value: 1.5\n    tolerance: 0.01",
        "  - source: read off the plot #<\n    method: ista\n    at: {noise_std: 0.2}\n"
        "    value: 1.5",
        ["published.0: key 'tolerance' is missing"],
    ),
    "duplicate key at the top": (
        "seeds: 6",
        "seeds: 6\nseeds: 5 #<",
        ["duplicate key 'seeds'", "already on line 20", "keep one"],
    ),
    "duplicate method": (
        "  lista:\n",
        "  ista: {iterations: 1, rho: 0.1} #<\n  lista:\n",
        ["duplicate key 'ista'", "already on line 23", "keep one"],
    ),
    "duplicate key in a nested block": (
        "steps: 30",
        "steps: 30\n      steps: 31 #<",
        ["duplicate key 'steps'", "already on line 37", "keep one"],
    ),
    "key that YAML takes for a number": (
        "steps: 30",
        "3: 30 #<",
        ["key must be text", "'3' as int", "quote it"],
    ),
    "key that YAML takes for a truth value": (
        "steps: 30",
        "on: 30 #<",
        ["key must be text", "'on' as bool", "quote it"],
    ),
    "key that is a list": ("steps: 30", "? [a, b] #<\n      : 30", ["a key must be text"]),
    # names of things
    "unknown area": (
        "area: sparse_recovery",
        "area: sparse_recover #<",
        ["unknown area 'sparse_recover'", "did you mean sparse_recovery?", "linear_estimation"],
    ),
    "unknown kind of scenario": (
        "  observation_matrix: unit_columns",
        "  observation_matrix: unit_columns\n  kind: sparse #<",
        ["scenario.kind: unknown kind of scenario 'sparse'", "allowed: sparse_recovery"],
    ),
    "unknown method": (
        "  ista_strong:\n    method: ista\n",
        "  ista_strong:\n    method: istaa #<\n",
        ["unknown method 'istaa'", "did you mean ista?", "allowed: ", "lista"],
    ),
    "label that is no method": (
        "  lista:\n",
        "  listo: #<\n",
        ["unknown method 'listo'", "did you mean lista?"],
    ),
    "label that cannot name a file": (
        "  ista_strong:\n",
        "  ista/strong: #<\n",
        ["'ista/strong' names files", "allowed: letters, digits"],
    ),
    "unknown belief": (
        "belief: blind",
        "belief: blid #<",
        ["methods.lista.belief: unknown belief 'blid'", "did you mean blind?", "full"],
    ),
    "unknown metric": (
        "  - squared_error\n",
        "  - squared_eror #<\n",
        ["unknown metric 'squared_eror'", "did you mean squared_error?"],
    ),
    "unknown bound": (
        "  - oracle_least_squares",
        "  - cramer_rao #<",
        ["unknown bound 'cramer_rao'", "allowed: ", "oracle_least_squares"],
    ),
    "unknown kind of panel": (
        "kind: lines",
        "kind: line #<",
        [
            "unknown kind of panel 'line'",
            "did you mean lines?",
            "allowed: dots, eigenvalues, history, images, lines",
        ],
    ),
    "unknown metric in a panel": (
        "      y: squared_error",
        "      y: error #<",
        ["figure.panels.0.y: unknown metric 'error'", "squared_residual"],
    ),
    "unknown column in a panel": (
        "      x: noise_std",
        "      x: noise #<",
        ["unknown column 'noise'", "did you mean noise_std?", "iteration, n_train, noise_std"],
    ),
    "unknown method in a panel": (
        "      x: noise_std",
        "      x: noise_std\n      methods:\n        - ista\n        - fista #<",
        ["unknown method 'fista'", "did you mean ista?", "ista_strong, lista"],
    ),
    "panel of a bound that is not computed": (
        "      x: noise_std",
        "      x: noise_std\n      bounds: [lasso] #<",
        ["unknown bound 'lasso'", "allowed: oracle_least_squares"],
    ),
    "panel at a point that is not run": (
        "where: {n_train: 10}",
        "where: {n_train: 11} #<",
        ["n_train = 11 is not run", "allowed: 10, 20"],
    ),
    "unknown optimizer": (
        "steps: 30",
        "optimizer: adaam #<",
        ["recipe.optimizer: 'adaam'", "did you mean adam?", "allowed: adam, adamw, sgd"],
    ),
    "unknown law of the matrix": (
        "observation_matrix: unit_columns",
        "observation_matrix: unit_colums #<",
        ["'unit_colums'", "did you mean unit_columns?", "orthonormal_rows"],
    ),
    # types and ranges
    "text for a number": ("seeds: 6", "seeds: four #<", ["seeds: 'four'", "a whole number"]),
    "true for a number": ("seeds: 6", "seeds: true #<", ["seeds: true", "a whole number"]),
    "yes for a number": ("noise_std: 0.3", "noise_std: yes #<", ["true", "should be a number"]),
    "float for a whole number": ("seeds: 6", "seeds: 6.0 #<", ["seeds: 6.0", "a whole number"]),
    "null for a number": ("seeds: 6", "seeds: #<", ["seeds: null", "a whole number"]),
    "list for a number": ("seeds: 6", "seeds: [4] #<", ["seeds: [4]", "a whole number"]),
    "number for text": (
        'example: "5.6"',
        "example: 5.6 #<",
        ["book.example: 5.6", "should be text", "quote it"],
    ),
    "yes for text": (
        "title: Learned ISTA",
        "title: yes #<",
        ["book.title: true", "should be text", "YAML reads yes", "quote"],
    ),
    "empty text": ("title: Learned ISTA", 'title: "" #<', ["book.title: ''", "not be empty"]),
    "date for text": (
        "title: Learned ISTA",
        "title: 2020-01-31 #<",
        ["book.title", "2020-01-31 is a YAML timestamp", "quote it if it is text"],
    ),
    "tag of Python": (
        "title: Learned ISTA",
        "title: !!python/name:os.system #<",
        ["book.title", "not used here"],
    ),
    "value that is not of its tag": ("seeds: 6", "seeds: !!int four #<", ["'four' is not", "int"]),
    "number in base sixty": ("seeds: 6", "seeds: 1:30 #<", ["YAML reads 1:30 as 90", "write 90"]),
    "number in base eight": ("seeds: 6", "seeds: 010 #<", ["YAML reads 010 as 8", "write 8"]),
    "list for a mapping": (
        "samples: {validation: 5, test: 7}",
        "samples: [5, 7] #<",
        ["samples: [5, 7]", "should be a mapping"],
    ),
    "null for a mapping": (
        "  lista:\n",
        "  fista: #<\n  lista:\n",
        ["methods.fista: null", "should be a mapping", "write {} for none"],
    ),
    "text for a list": (
        "trace: [0, 1, 2, 5]",
        "trace: all #<",
        ["trace: 'all'", "should be a list"],
    ),
    "mapping for a list": (
        "bounds:\n  - oracle_least_squares",
        "bounds: {lasso: 1} #<",
        ["bounds: {'lasso': 1}", "should be a list"],
    ),
    "power of ten without a point": (
        "rho: 0.125",
        "rho: 3e-3 #<",
        ["rho: '3e-3': should be a number", "YAML reads 3e-3 as text; write 0.003"],
    ),
    "large power of ten without a sign": (
        "rho: 0.125",
        "rho: 1.5e30 #<",
        ["'1.5e30'", "write 1.5e+30"],
    ),
    "power of ten for a whole number": (
        "steps: 30",
        "steps: 1e3 #<",
        ["'1e3'", "a whole number", "write 1000)"],
    ),
    "quoted number": ("seeds: 6", 'seeds: "4" #<', ["seeds: '4'", "a whole number", "write 4)"]),
    "infinite number": ("rho: 0.125", "rho: .inf #<", ["rho: inf", "a finite number"]),
    "not a number": ("noise_std: 0.3", "noise_std: .nan #<", ["nan", "a finite number"]),
    "word of Python for infinity": (
        "rho: 0.125",
        "rho: inf #<",
        ["rho: 'inf': should be a number"],
    ),
    "infinite side of a claim": (
        "right: {method: ista}",
        "right: .inf #<",
        ["claims.0.right: inf", "a finite number, or a mapping"],
    ),
    "negative number where it is positive": (
        "rho: 0.125",
        "rho: -0.1 #<",
        ["rho: -0.1", "should be greater than 0"],
    ),
    "zero where it is positive": (
        "steps: 30",
        "steps: 0 #<",
        ["recipe.steps: 0", "greater than or equal to 1"],
    ),
    "zero samples": (
        "samples: {validation: 5, test: 7}",
        "samples: {validation: 5, test: 0} #<",
        ["samples.test: 0", "greater than or equal to 1"],
    ),
    "tolerance of zero": ("tolerance: 0.01", "tolerance: 0 #<", ["tolerance: 0", "than 0"]),
    "field of the scenario out of range": (
        "nonzero_std: 0.5",
        "nonzero_std: -0.5 #<",
        ["scenario.nonzero_std: -0.5", "should be greater than 0"],
    ),
    "fields of the scenario at odds": (
        "scenario:\n  observation_matrix: unit_columns\n  n_observations: 6\n"
        "  n_signal: 8\n  n_nonzeros: 2",
        "scenario: #<\n  observation_matrix: unit_columns\n  n_observations: 6\n"
        "  n_signal: 8\n  n_nonzeros: 9",
        ["n_nonzeros is 9: allowed is 1 to n_signal, which is 8"],
    ),
    "field of the truth withheld": (
        "  noise_std: 0.3",
        "  noise_std: null #<",
        ["scenario.noise_std: null", "the truth knows every field", "give a value"],
    ),
    "field withheld that every method needs": (
        "blind: {nonzero_std: null}",
        "blind: {n_signal: null} #<",
        ["beliefs.blind.n_signal: null", "should be a whole number"],
    ),
    "belief out of range": (
        "blind: {nonzero_std: null}",
        "blind: {nonzero_std: 0} #<",
        ["beliefs.blind.nonzero_std: 0", "should be greater than 0"],
    ),
    "belief at odds with the scenario": (
        "beliefs:\n  blind: {nonzero_std: null}",
        "beliefs:\n  blind: {n_nonzeros: 9} #<",
        ["beliefs.blind", "n_nonzeros is 9: allowed is 1 to n_signal, which is 8"],
    ),
    # one meaning a name
    "belief that is called full": (
        "blind: {nonzero_std: null}",
        "blind: {nonzero_std: null}\n  full: {nonzero_std: 1} #<",
        ["beliefs.full", "use another name"],
    ),
    "label of another method's file": (
        "  ista_strong:\n",
        "  fista: #<\n",
        ["'fista' is itself a method", "another name"],
    ),
    "label of a bound": (
        "  ista_strong:\n",
        "  oracle_least_squares: #<\n",
        ["'oracle_least_squares' is also a bound", "rename"],
    ),
    "legend that stands twice": (
        "legend: LISTA",
        "legend: ista strong #<",
        ["methods.lista.legend", "'ista strong' stands twice"],
    ),
    "metric that stands twice": (
        "  - squared_residual",
        "  - squared_residual\n  - squared_error #<",
        ["metrics.2", "'squared_error' stands twice"],
    ),
    "iteration that stands twice": (
        "trace: [0, 1, 2, 5]",
        "trace: [0, 1, 1] #<",
        ["trace.2", "1 stands twice"],
    ),
    "swept value that stands twice": (
        "  noise_std: [0.1, 0.2]",
        "  noise_std:\n    - 0.1\n    - 0.10 #<",
        ["sweep.noise_std.1", "0.1 stands twice"],
    ),
    "training size that stands twice": (
        "  n_train: [10, 20]",
        "  n_train: [10, 20, 10] #<",
        ["sweep.n_train.2", "10 stands twice"],
    ),
    "tuned value that stands twice": (
        "rho: [0.5, 0.25]",
        "rho: [0.5, 0.50] #<",
        ["methods.ista.tune.rho.1", "0.5 stands twice"],
    ),
    # methods
    "setting both set and tuned": (
        "    tune:\n      rho: [0.5, 0.25]",
        "    rho: 0.5\n    tune:\n      rho: [0.5, 0.25] #<",
        ["'rho' is both set and tuned", "keep one"],
    ),
    "nothing to tune over": (
        "rho: [0.5, 0.25]",
        "rho: [] #<",
        ["methods.ista.tune.rho: []", "the values to choose from"],
    ),
    "one value to tune over": (
        "rho: [0.5, 0.25]",
        "rho: 0.5 #<",
        ["methods.ista.tune.rho: 0.5", "should be a list"],
    ),
    "tuned value out of range": (
        "rho: [0.5, 0.25]",
        "rho: [0.5, -1] #<",
        ["methods.ista.tune.rho: -1", "should be greater than 0"],
    ),
    "recipe for a method that learns nothing": (
        "    rho: 0.75",
        "    rho: 0.75\n    recipe: {steps: 3} #<",
        ["methods.ista_strong.recipe", "'ista' learns nothing", "takes no recipe"],
    ),
    "keys of a recipe that exclude each other": (
        "    recipe:\n      steps: 30",
        "    recipe: #<\n      together: true\n      patience: 3",
        ["methods.lista.recipe", "patience", "leave out"],
    ),
    "no methods": (
        BASE[BASE.index("methods:") : BASE.index("metrics:")],
        "methods: {} #<\n",
        ["methods: {}", "at least 1"],
    ),
    "no metrics": (
        "metrics:\n  - squared_error\n  - squared_residual",
        "metrics: [] #<",
        ["metrics: []", "at least 1"],
    ),
    "bound on a metric that is not measured": (
        "metrics:\n  - squared_error\n  - squared_residual\ntrace: [0, 1, 2, 5]\nbounds:\n"
        "  - oracle_least_squares",
        "metrics:\n  - squared_residual\ntrace: [0, 1, 2, 5]\nbounds:\n  - oracle_least_squares #<",
        ["'oracle_least_squares' bounds 'squared_error'", "add that to metrics"],
    ),
    # sweeps
    "sweep over a field the scenario lacks": (
        "  noise_std: [0.1, 0.2]",
        "  snr: [0, 10] #<",
        ["sweep.snr: unknown scenario field 'snr'", "snr_db", "noise_std"],
    ),
    "sweep over one value": (
        "  noise_std: [0.1, 0.2]",
        "  noise_std: 0.1 #<",
        ["sweep.noise_std: 0.1", "a list of values"],
    ),
    "sweep over no value": (
        "  noise_std: [0.1, 0.2]",
        "  noise_std: [] #<",
        ["sweep.noise_std: []", "one or more values"],
    ),
    "swept value of another type": (
        "  noise_std: [0.1, 0.2]",
        "  noise_std:\n    - 0.1\n    - high #<",
        ["sweep.noise_std.1: 'high'", "should be a number"],
    ),
    "swept value out of range": (
        "  noise_std: [0.1, 0.2]",
        "  noise_std: [0.1, -0.2] #<",
        ["sweep.noise_std.1: -0.2", "greater than or equal to 0"],
    ),
    "swept value that the scenario refuses": (
        "sweep:\n  noise_std: [0.1, 0.2]",
        "sweep: #<\n  noise_std: [0.1, 0.2]\n  n_nonzeros: [2, 9]",
        ["n_nonzeros = 9", "allowed is 1 to n_signal, which is 8"],
    ),
    "sweep without blocks": (
        "sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]",
        "sweep: [] #<",
        ["sweep: []", "leave it out for none"],
    ),
    "sweep that is a number": (
        "sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]",
        "sweep: 3 #<",
        ["sweep: 3", "should map fields to lists of values"],
    ),
    "training size that is no whole number": (
        "  n_train: [10, 20]",
        "  n_train: [10, 20.5] #<",
        ["sweep.n_train.1: 20.5", "a whole number"],
    ),
    "training size of zero": (
        "  n_train: [10, 20]",
        "  n_train: [0, 20] #<",
        ["sweep.n_train.0: 0", "greater than or equal to 1"],
    ),
    "no training sizes for a method that learns": (
        "sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]",
        "sweep: #<\n  noise_std: [0.1, 0.2]",
        ["'lista' learns from data", "n_train: [100]"],
    ),
    "no sweep for a method that learns": (
        "sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]\nsamples: {validation: 5, test: 7}\n"
        "seeds: 6\nblock: 3\n"
        "methods:\n  ista:\n    iterations: 9\n    tune:\n      rho: [0.5, 0.25]\n"
        "  ista_strong:\n    method: ista\n    iterations: 9\n    rho: 0.75\n  lista:\n",
        "samples: {validation: 5, test: 7}\nseeds: 6\nmethods:\n  lista: #<\n",
        ["'lista' learns from data", "n_train: [100]"],
    ),
    "test sweep of a field the scenario lacks": (
        "seeds: 6",
        "seeds: 6\ntest_sweep: {noise: [1]} #<",
        ["test_sweep.noise: unknown scenario field 'noise'", "noise_std"],
    ),
    "a crossing without what is crossed": (
        "  - says: It is better.\n    source: Example 5.6\n    left: {method: lista}\n"
        "    relation: below\n    right: {method: ista}\n",
        "  - says: It is better. #<\n    source: Example 5.6\n    left: {method: lista}\n"
        "    relation: below\n    right: 3\n    along: noise_std\n",
        ["claims.0: rises_above or falls_below, along, and a number on the right go together"],
    ),
    "a crossing along no column": (
        "    right: {method: ista}\n    at: {noise_std: 0.1, n_train: [10, 20]}\n",
        "    right: 3\n    rises_above: {method: ista}\n    along: noise #<\n"
        "    at: {n_train: 10}\n",
        ["claims.0.along: unknown column 'noise'", "noise_std"],
    ),
    "a crossing at one point": (
        "    right: {method: ista}\n    at: {noise_std: 0.1, n_train: [10, 20]}\n",
        "    right: 3\n    falls_below: {method: ista}\n    along: noise_std #<\n"
        "    at: {n_train: 10, noise_std: 0.1}\n",
        ["claims.0.along: [0.1]: curves cross along two or more positive numbers"],
    ),
    "a crossing at several places": (
        "    right: {method: ista}\n    at: {noise_std: 0.1, n_train: [10, 20]}\n",
        "    right: 0.15\n    falls_below: {method: ista}\n    along: noise_std\n"
        "    at: {n_train: [10, 20]} #<\n",
        ["claims.0.at.n_train: [10, 20]: should be one value; curves cross in one place"],
    ),
    "a crossing beyond what is run": (
        "    right: {method: ista}\n    at: {noise_std: 0.1, n_train: [10, 20]}\n",
        "    right: 0.2 #<\n    falls_below: {method: ista}\n    along: noise_std\n"
        "    at: {n_train: 10}\n",
        ["claims.0.right: 0.2: should lie between 0.1 and 0.2, with its tolerance"],
    ),
    "a curve that crosses itself": (
        "    right: {method: ista}\n    at: {noise_std: 0.1, n_train: [10, 20]}\n",
        "    right: 0.15\n    falls_below: {method: lista} #<\n    along: noise_std\n"
        "    at: {n_train: 10}\n",
        ["claims.0.falls_below: both curves of the claim are the same"],
    ),
    "one whom a genie aids, and no test sweep": (
        "    belief: blind\n",
        "    belief: blind\n    genie_aided: true #<\n",
        ["methods.lista.genie_aided: true, and nothing is tested off its training point"],
    ),
    "test sweep over no value": (
        "seeds: 6",
        "seeds: 6\ntest_sweep: {noise_std: []} #<",
        ["test_sweep.noise_std: []", "one or more values"],
    ),
    "test sweep that the scenario refuses": (
        "seeds: 6",
        "seeds: 6\ntest_sweep: {n_nonzeros: [1, 9]} #<",
        ["test_sweep", "n_nonzeros = 9", "allowed is 1 to n_signal"],
    ),
    # claims
    "claim about a method that is not there": (
        "left: {method: lista}",
        "left: {method: fista} #<",
        ["unknown method or bound 'fista'", "did you mean", "oracle_least_squares"],
    ),
    "claim with a metric that is not measured": (
        "    relation: below",
        "    metric: support_error #<\n    relation: below",
        ["unknown metric 'support_error'", "allowed: squared_error, squared_residual"],
    ),
    "claim with a bound on another metric": (
        "    relation: below\n    right: {method: ista}",
        "    relation: below\n    metric: squared_residual\n"
        "    right: {method: oracle_least_squares} #<",
        ["'oracle_least_squares' bounds 'squared_error'", "'squared_residual'"],
    ),
    "claim with an unknown relation": (
        "relation: below",
        "relation: under #<",
        ["claims.0.relation: 'under'", "allowed: above, below, reaches, within"],
    ),
    "claim at a point that is not run": (
        "at: {noise_std: 0.1, n_train: [10, 20]}",
        "at: {noise_std: 0.15, n_train: [10, 20]} #<",
        ["claims.0.at.noise_std", "noise_std = 0.15 is not run", "allowed: 0.1, 0.2"],
    ),
    "claim at a column that is not swept": (
        "at: {noise_std: 0.1, n_train: [10, 20]}",
        "at: {noise: 0.1} #<",
        ["unknown column 'noise'", "did you mean noise_std?", "allowed: n_train, noise_std"],
    ),
    "claim at no value": (
        "at: {noise_std: 0.1, n_train: [10, 20]}",
        "at: {noise_std: 0.1, n_train: []} #<",
        ["claims.0.at.n_train: []", "one value or more", "allowed: 10, 20"],
    ),
    "claim that does not pin one row": (
        "claims:\n  - says: It is better.\n    source: Example 5.6\n    left: {method: lista}\n"
        "    relation: below\n    right: {method: ista}\n"
        "    at: {noise_std: 0.1, n_train: [10, 20]}",
        "claims:\n  - says: It is better. #<\n    source: Example 5.6\n    left: {method: lista}\n"
        "    relation: below\n    right: {method: ista}\n    at: {noise_std: 0.1}",
        ["lista at noise_std = 0.1 is 2 rows of the table", "say also n_train"],
    ),
    "claim with a list in one side": (
        "left: {method: lista}",
        "left: {method: lista, at: {n_train: [10, 20]}} #<",
        ["claims.0.left.at.n_train: [10, 20]", "should be one value"],
    ),
    "claim at an iteration that is not recorded": (
        "right: {method: ista}",
        "right: {method: ista, iteration: 3} #<",
        ["iteration 3 is not recorded", "allowed: 0, 1, 2, 5"],
    ),
    "claim at an iteration after the last": (
        "left: {method: lista}",
        "left: {method: lista, iteration: 5} #<",
        ["iteration 5 is not recorded", "allowed: 0, 1, 2"],
    ),
    "claim at an iteration of a bound": (
        "right: {method: ista}",
        "right: {method: oracle_least_squares, iteration: 2} #<",
        ["iteration 2 is not recorded", "(none)"],
    ),
    "claim with two equal sides": (
        "right: {method: ista}",
        "right: {method: lista} #<",
        ["claims.0.right", "both sides of the claim are the same"],
    ),
    "claim whose side is a name": (
        "right: {method: ista}",
        "right: ista #<",
        ["claims.0.right: 'ista'", "a finite number, or a mapping such as {method: name}"],
    ),
    "claim whose side is a power of ten without a point": (
        "right: {method: ista}",
        "right: 1e-3 #<",
        ["'1e-3'", "YAML reads 1e-3 as text; write 0.001"],
    ),
    "within without tolerance": (
        "relation: below",
        "relation: within #<",
        ["claims.0.relation", "within needs a tolerance"],
    ),
    "tolerance without within": (
        "    relation: below",
        "    relation: below\n    tolerance: 0.1 #<",
        ["claims.0.tolerance", "below takes no tolerance"],
    ),
    "published number of a method that is not there": (
        "    method: ista\n    at:",
        "    method: amp #<\n    at:",
        ["published.0.method: unknown method or bound 'amp'", "allowed: ista, "],
    ),
    "published number at a point that is not run": (
        "at: {noise_std: 0.2}",
        "at: {noise_std: 0.3} #<",
        ["published.0.at.noise_std", "noise_std = 0.3 is not run", "allowed: 0.1, 0.2"],
    ),
    "published number that does not pin one row": (
        "  - source: read off the plot\n    method: ista\n    at: {noise_std: 0.2}\n",
        "  - source: read off the plot #<\n    method: ista\n",
        ["published.0: ista is 2 rows of the table", "say also noise_std"],
    ),
    # YAML
    "YAML that does not close a bracket": (
        "trace: [0, 1, 2, 5]\nbounds:",
        "trace: [0, 1, 2, 5\nbounds: #<",
        ["not valid YAML", "',' or ']'"],
    ),
    "YAML with a tab": (
        "  says: It needs fewer iterations.",
        "\tsays: It. #<",
        ["not valid YAML", "'\\t'"],
    ),
    "YAML with wrong indentation": (
        "  says: It needs fewer iterations.",
        "   says: It needs fewer iterations. #<",
        ["not valid YAML", "see to the indentation"],
    ),
    "second document": (
        "area: sparse_recovery",
        "--- #<\narea: sparse_recovery",
        ["not valid YAML", "expected a single document"],
    ),
    "alias that names nothing": ("seeds: 6", "seeds: *n #<", ["not valid YAML", "alias 'n'"]),
    "merge key": ("steps: 30", "<<: {steps: 3} #<", ["key must be text", "'<<'"]),
}


def blamed_line(text):
    lines = [i for i, line in enumerate(text.splitlines(), 1) if line.endswith("#<")]
    assert len(lines) <= 1
    return lines[0] if lines else 1


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_with_line_value_and_cure(tmp_path, mistake):
    old, new, words = MISTAKES[mistake]
    text = edited(old, new)
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    start = f"{tmp_path / '1.01_example.yaml'}:{blamed_line(text)}: "
    assert message.startswith(start)
    for word in words:
        assert word in message
    assert "\n" not in message, "one mistake is one message"
    assert "nput should" not in message, "the words of pydantic are not ours"
    assert message.isprintable()


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "should be a mapping of keys to values; found nothing"),
        (b"# only a comment\n", 1, "found nothing"),
        (b"- a\n- b\n", 1, "found a sequence"),
        (b"text\n", 1, "found a scalar"),
        (b"book: 1\narea: \xff\n", 2, "not UTF-8 text; save the file as UTF-8"),
        (b"book: 1\n\narea: a\x00b\n", 3, "not valid YAML: special characters are not allowed"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, line, words):
    with pytest.raises(UserError) as caught:
        load(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / '1.01_example.yaml'}:{line}: ")
    assert message.endswith(words)
    assert "\n" not in message


def test_labels_that_differ_in_what_no_fit_depends_on_share_their_fits():
    experiment = experiment_file.load("5.10_subspacenet", experiment_file.load_scale("full"))
    fit = experiment.fits("toeplitz_esprit")[0]
    assert fit == experiment.fits("toeplitz_music")[0]
    one, other = (specs.fit_spec(experiment, f"toeplitz_{d}", fit) for d in ("esprit", "music"))
    assert one == other != specs.fit_spec(experiment, "subspacenet_esprit", fit)
    point = experiment.test_points[0]
    scores = [
        specs.score_spec(experiment, f"toeplitz_{d}", fit, point) for d in ("esprit", "music")
    ]
    assert scores[0] != scores[1]


def test_an_alias_inside_what_it_names_is_refused(tmp_path):
    with pytest.raises(UserError, match=r":15: beliefs.blind.a: nested too deep: is there an al"):
        load(tmp_path, edited("  blind: {nonzero_std: null}", "  blind: &b {a: *b}"))


def test_lists_without_end_are_refused(tmp_path):
    with pytest.raises(UserError, match="not valid YAML: nested too deep"):
        load(tmp_path, edited("trace: [0, 1, 2, 5]", f"trace: {'[' * 5000}{']' * 5000}"))


def test_an_alias_stands_for_what_it_names(tmp_path):
    second = "  second: {method: lista, iterations: 1, rho: 1, recipe: *r}\n"
    text = edited("recipe:\n", "recipe: &r\n")
    text = edited("metrics:\n", f"{second}metrics:\n", text)
    assert load(tmp_path, text).methods["second"].recipe.steps == 30


def test_a_file_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "none.yaml"
    with pytest.raises(UserError) as caught:
        experiment_file.load_file(path, FULL)
    assert str(caught.value) == f"{path}: there is no such file"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        experiment_file.load_file(tmp_path, FULL)


def test_two_mistakes_are_two_messages(tmp_path):
    text = edited("seeds: 6", "seeds: four")
    with pytest.raises(UserError) as caught:
        load(tmp_path, edited("trace: [0, 1, 2, 5]", "trace: [-1]", text))
    first, second = str(caught.value).splitlines()
    assert "seeds: 'four'" in first
    assert "trace.0: -1" in second


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """The folder of experiments, empty."""
    monkeypatch.chdir(tmp_path)
    experiment_file.EXPERIMENTS.mkdir(parents=True)
    return experiment_file.EXPERIMENTS


def test_mistakes_in_two_files_are_told_together(experiments):
    (experiments / "1.01_a.yaml").write_text(edited("seeds: 6", "seeds: four"))
    (experiments / "1.02_b.yaml").write_text(BASE)
    (experiments / "1.03_c.yaml").write_text(edited("seeds: 6", "seeds: five"))
    with pytest.raises(UserError) as caught:
        experiment_file.load_all(FULL)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{experiments / '1.01_a.yaml'}:20: seeds: 'four'")
    assert second.startswith(f"{experiments / '1.03_c.yaml'}:20: seeds: 'five'")


def test_a_name_that_is_no_experiment_is_refused(experiments):
    (experiments / "5.06_lista.yaml").write_text(BASE)
    (experiments / "5.01_linear.yaml").write_text(MINIMAL)
    with pytest.raises(UserError) as caught:
        experiment_file.load_all(FULL, "5.01_linear, 5.06_ista")
    assert str(caught.value) == (
        "no experiment '5.06_ista'; did you mean 5.06_lista? allowed: 5.01_linear, 5.06_lista"
    )
    assert list(experiment_file.load_all(FULL, "5.06_lista")) == ["5.06_lista"]
    assert list(experiment_file.load_all(FULL)) == ["5.01_linear", "5.06_lista"]


# --- scale files ---

SCALE = """\
about: A little of it.
results: results/small
figures: figures/small
at_most:
  seeds: 2
  steps: 20
"""
SCALE_MISTAKES = {
    "unknown key": ("about:", "abuot:", 1, ["unknown key 'abuot'", "did you mean about?"]),
    "missing key": ("figures: figures/small\n", "", 1, ["key 'figures' is missing"]),
    "unknown cap": ("  steps:", "  stps:", 6, ["at_most.stps: unknown key", "did you mean steps?"]),
    "negative cap": ("seeds: 2", "seeds: -2", 5, ["at_most.seeds: -2", "or equal to 1"]),
    "cap that keeps no comparison": (
        "seeds: 2",
        "values_per_sweep: 1",
        5,
        ["values_per_sweep: 1", "or equal to 2"],
    ),
    "cap that is text": ("seeds: 2", "seeds: few", 5, ["at_most.seeds: 'few'", "a whole number"]),
    "caps that are no mapping": (
        "at_most:\n  seeds: 2\n  steps: 20",
        "at_most: 2",
        4,
        ["at_most: 2", "should be a mapping"],
    ),
    "folder that is a number": ("results: results/small", "results: 3", 2, ["results: 3", "text"]),
    "duplicate cap": ("  steps: 20", "  seeds: 20", 6, ["duplicate key 'seeds'", "line 5"]),
}


@pytest.fixture
def scales(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment_file, "SCALES", tmp_path)
    (tmp_path / "small.yaml").write_text(SCALE)
    return tmp_path


@pytest.mark.parametrize("mistake", SCALE_MISTAKES)
def test_a_mistake_in_a_scale_is_one_message(scales, mistake):
    old, new, line, words = SCALE_MISTAKES[mistake]
    (scales / "small.yaml").write_text(edited(old, new, SCALE))
    with pytest.raises(UserError) as caught:
        experiment_file.load_scale("small")
    message = str(caught.value)
    assert message.startswith(f"{scales / 'small.yaml'}:{line}: ")
    for word in words:
        assert word in message
    assert "\n" not in message


def test_an_unknown_scale_is_refused(scales):
    with pytest.raises(UserError, match=r"no scale 'smal'; did you mean small\? allowed: small"):
        experiment_file.load_scale("smal")


def test_a_scale_holds_what_its_file_says(scales):
    scale = experiment_file.load_scale("small")
    assert scale == Scale(
        "small",
        "A little of it.",
        "results/small",
        "figures/small",
        AtMost(seeds=2, steps=20),
    )


# --- what is right ---


def test_the_smallest_experiment_loads(tmp_path):
    experiment = load(tmp_path, MINIMAL)
    assert experiment.name == "1.01_example"
    assert experiment.points == [{"noise_std": 0.5}, {"noise_std": 1.0}]
    assert experiment.blocks == [(0,)]
    assert list(experiment.methods) == ["linear_mmse"]
    assert experiment.methods["linear_mmse"].legend == "linear mmse"
    assert experiment.claims == []
    assert experiment.book.example is None


def test_the_experiment_that_the_mistakes_are_made_in_loads(tmp_path):
    experiment = load(tmp_path, BASE)
    lista = experiment.methods["lista"]
    assert lista.belief == "blind"
    assert lista.settings["rho"] == 0.125
    assert lista.recipe.steps == 30
    assert experiment.methods["ista"].tune == {"rho": [0.5, 0.25]}
    assert "rho" not in experiment.methods["ista"].settings
    assert experiment.belief_at("lista", {"noise_std": 0.2}).nonzero_std is None
    assert experiment.belief_at("lista", {"noise_std": 0.2}).noise_std == 0.2
    claim, published = experiment.claims
    assert [left.at for left, _ in claim.pairs] == [
        {"noise_std": 0.1, "n_train": 10},
        {"noise_std": 0.1, "n_train": 20},
    ]
    assert published.kind == "published"
    assert published.relation == "within"
    assert published.pairs[0][1] == 1.5
    assert published.tolerance == 0.01


@pytest.mark.parametrize("scale", [path.stem for path in SCALES])
@pytest.mark.parametrize("name", [path.stem for path in EXPERIMENTS])
def test_shipped_experiments_load_at_every_scale(name, scale, monkeypatch):
    monkeypatch.chdir(ROOT)
    experiment = experiment_file.load(name, experiment_file.load_scale(scale))
    assert experiment.runs
    assert experiment.panels
    for label in experiment.methods:
        assert experiment.fits(label)


def test_the_full_scale_caps_nothing(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert experiment_file.load_scale("full").at_most == AtMost()


def everything(experiment):
    """Return all that results and jobs depend on, as text."""
    jobs = {
        (verb, None): getattr(specs, f"{verb}_spec")(experiment)
        for verb in ("simulate", "bounds", "tabulate", "verify", "draw")
    }
    for label in experiment.methods:
        jobs["train", label] = specs.train_spec(experiment, label)
        jobs["evaluate", label] = specs.evaluate_spec(experiment, label)
        for fit in experiment.fits(label):
            jobs[label, str(fit)] = specs.fit_spec(experiment, label, fit)
    return {key: canonical(spec) for key, spec in jobs.items()}


def test_comments_and_layout_change_no_job(tmp_path):
    commented = "# A remark.\n" + "".join(f"{line}  # why\n" for line in BASE.splitlines())
    reordered = yaml.safe_load(BASE)
    for key in ("methods", "samples", "scenario", "book"):
        reordered[key] = reordered.pop(key)
    reordered["scenario"] = dict(reversed(reordered["scenario"].items()))
    reordered["methods"]["lista"] = dict(reversed(reordered["methods"]["lista"].items()))
    other = yaml.safe_dump(reordered, sort_keys=False)
    assert other.index("book") > other.index("seeds")
    expected = everything(load(tmp_path, BASE))
    assert everything(load(tmp_path, commented)) == expected
    assert everything(load(tmp_path, other)) == expected


def test_1_is_the_same_number_as_1_point_0(tmp_path):
    with_points = edited("noise_std: 0.3", "noise_std: 1.0")
    with_points = edited("noise_std: [0.1, 0.2]", "noise_std: [0.1, 1.0, 0.2]", with_points)
    with_points = edited("rho: [0.5, 0.25]", "rho: [1.0, 0.25]", with_points)
    without = edited("noise_std: 1.0", "noise_std: 1", with_points)
    without = edited("noise_std: [0.1, 1.0, 0.2]", "noise_std: [0.1, 1, 0.2]", without)
    without = edited("rho: [1.0, 0.25]", "rho: [1, 0.25]", without)
    assert everything(load(tmp_path, with_points)) == everything(load(tmp_path, without))


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("legend: LISTA", "legend: learned", {("draw", None)}),
        ("says: It is better.", "says: It is worse.", {("verify", None)}),
        ("title: Error", "title: Loss", {("draw", None)}),
        ("title: Learned ISTA", "title: LISTA", set()),
        ("relation: below", "relation: below\n    factor: 0.5", {("verify", None)}),
    ],
)
def test_a_change_reaches_only_the_jobs_that_use_it(tmp_path, old, new, changed):
    before, after = everything(load(tmp_path, BASE)), everything(load(tmp_path, edited(old, new)))
    assert {key for key in before if before[key] != after[key]} == changed


def test_a_setting_of_one_method_leaves_the_fits_of_others(tmp_path):
    before = everything(load(tmp_path, BASE))
    after = everything(load(tmp_path, edited("rho: 0.125", "rho: 0.5")))
    changed = {key for key in before if before[key] != after[key]}
    assert {("train", "lista"), ("evaluate", "lista")} <= changed
    assert not {"ista", "ista_strong"} & {part for key in changed for part in key}
    assert ("simulate", None) not in changed


# --- expansion ---


def test_a_sweep_is_the_product_of_its_lists(tmp_path):
    experiment = load(tmp_path, BASE)
    assert experiment.runs == [
        ({"noise_std": 0.1}, 10),
        ({"noise_std": 0.1}, 20),
        ({"noise_std": 0.2}, 10),
        ({"noise_std": 0.2}, 20),
    ]
    assert experiment.sweep_columns == ["noise_std"]
    assert [str(fit) for fit in experiment.fits("ista")] == [
        "noise_std=0.1 seeds 0-2",
        "noise_std=0.1 seeds 3-5",
        "noise_std=0.2 seeds 0-2",
        "noise_std=0.2 seeds 3-5",
    ]
    assert len(experiment.fits("lista")) == 8


BLOCKS = """\
sweep:
  - noise_std: [0.1, 0.2]
    n_train: [10]
  - n_nonzeros: [1, 2]
    noise_std: [0.2]
    n_train: [10, 30]
"""


def test_blocks_of_a_sweep_fill_in_the_scenario_and_share_runs(tmp_path):
    text = edited("sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]\n", BLOCKS)
    text = edited("where: {n_train: 10}", "where: {n_train: 10, n_nonzeros: 2}", text)
    text = text[: text.index("claims:")]
    experiment = load(tmp_path, text)
    assert experiment.sweep_columns == ["noise_std", "n_nonzeros"]
    assert experiment.runs == [
        ({"noise_std": 0.1, "n_nonzeros": 2}, 10),  # n_nonzeros as the scenario has it
        ({"noise_std": 0.2, "n_nonzeros": 2}, 10),
        ({"noise_std": 0.2, "n_nonzeros": 1}, 10),
        ({"noise_std": 0.2, "n_nonzeros": 1}, 30),
        ({"noise_std": 0.2, "n_nonzeros": 2}, 30),  # and its run with 10 stands above already
    ]
    assert experiment.largest_n_train({"noise_std": 0.2, "n_nonzeros": 2}) == 30
    assert experiment.largest_n_train({"noise_std": 0.1, "n_nonzeros": 2}) == 10


def test_training_sets_of_all_sizes_are_cut_from_one(tmp_path):
    experiment = load(tmp_path, BASE)
    small, large = (
        f for f in experiment.fits("lista") if f.point == {"noise_std": 0.1} and f.seeds[0] == 0
    )
    assert (small.n_train, large.n_train) == (10, 20)
    assert specs.data_spec(experiment, small) == specs.data_spec(experiment, large)
    assert specs.data_spec(experiment, small)["sizes"] == {"train": 20, "validation": 5, "test": 7}
    assert specs.fit_spec(experiment, "lista", small) != specs.fit_spec(experiment, "lista", large)


@pytest.mark.parametrize(
    ("seeds", "block", "blocks"),
    [
        (6, 3, [(0, 1, 2), (3, 4, 5)]),
        (4, 4, [(0, 1, 2, 3)]),
        (3, 1, [(0,), (1,), (2,)]),
    ],
)
def test_seeds_are_taken_in_blocks(tmp_path, seeds, block, blocks):
    text = edited("seeds: 6\nblock: 3", f"seeds: {seeds}\nblock: {block}")
    assert load(tmp_path, text).blocks == blocks


@pytest.mark.parametrize(
    ("seeds", "block", "allowed"), [(7, 3, "6, 9"), (2, 3, "3, 6"), (8, 3, "6, 9"), (4, 9, "9, 18")]
)
def test_seeds_are_a_whole_number_of_blocks(tmp_path, seeds, block, allowed):
    text = edited("seeds: 6\nblock: 3", f"seeds: {seeds}\nblock: {block}")
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    path = tmp_path / "1.01_example.yaml"
    words = f"{seeds} is not a whole number of blocks of {block}: allowed are {allowed}"
    assert str(caught.value) == f"{path}:20: seeds: {words}"
    for right in map(int, allowed.split(", ")):
        load(tmp_path, edited("seeds: 6\nblock: 3", f"seeds: {right}\nblock: {block}"))


def test_more_seeds_are_more_blocks_and_leave_those_that_there_were(tmp_path):
    few, many = load(tmp_path, BASE), load(tmp_path, edited("seeds: 6", "seeds: 9"))
    assert many.blocks[:2] == few.blocks
    for label in few.methods:
        fits = [canonical(specs.fit_spec(many, label, fit)) for fit in many.fits(label)]
        assert {canonical(specs.fit_spec(few, label, fit)) for fit in few.fits(label)} < set(fits)


@pytest.mark.parametrize(
    ("most", "blocks"),
    [
        (1, [(0,)]),
        (2, [(0, 1)]),
        (3, [(0, 1, 2)]),
        (5, [(0, 1, 2)]),
        (6, [(0, 1, 2), (3, 4, 5)]),
        (99, [(0, 1, 2), (3, 4, 5)]),
    ],
)
def test_a_scale_keeps_whole_blocks_or_a_part_of_one(tmp_path, most, blocks):
    scale = Scale("small", "a little", "r", "f", AtMost(seeds=most))
    small = load(tmp_path, BASE, scale)
    assert small.blocks == blocks
    assert small.n_seeds == len([seed for block in blocks for seed in block])


def test_a_test_sweep_multiplies_the_points_that_are_tested(tmp_path):
    text = edited("seeds: 6", "seeds: 6\ntest_sweep: {noise_std: [0.1, 1], n_nonzeros: [1, 2]}")
    shown = "where: {n_train: 10, test_noise_std: 1, test_n_nonzeros: 2}"
    text = edited("where: {n_train: 10}", shown, text)
    experiment = load(tmp_path, text[: text.index("claims:")])
    assert experiment.test_columns == ["test_noise_std", "test_n_nonzeros"]
    assert len(experiment.test_points) == 4
    assert experiment.scenario_at({"noise_std": 0.2}, experiment.test_points[-1]).noise_std == 1.0
    assert len(experiment.fits("lista")) == 8  # testing elsewhere trains nothing


def test_a_test_sweep_of_several_blocks_leaves_the_point_along_one_axis_at_a_time(tmp_path):
    blocks = "test_sweep:\n  - {noise_std: [0.1, 0.3]}\n  - {n_nonzeros: [1, 2]}"
    text = edited("seeds: 6", f"seeds: 6\n{blocks}")
    text = edited(
        "where: {n_train: 10}",
        "where: {n_train: 10, test_noise_std: 0.3, test_n_nonzeros: 2}",
        text,
    )
    experiment = load(tmp_path, text[: text.index("claims:")])
    assert experiment.test_points == [
        {"noise_std": 0.1, "n_nonzeros": 2},
        {"noise_std": 0.3, "n_nonzeros": 2},
        {"noise_std": 0.3, "n_nonzeros": 1},
    ]


# --- a fit for each number of iterations ---


def deep(entry: str) -> str:
    return edited("    method: ista\n    iterations: 9\n    rho: 0.75", f"    {entry}")


def test_a_method_may_have_a_fit_for_each_of_several_numbers_of_iterations(tmp_path):
    text = deep("{method: ista, depths: [4, 1], tune: {rho: [0.5, 0.25]}}")
    experiment = load(tmp_path, text)
    fits = experiment.fits("ista_strong")
    assert [fit.depth for fit in fits[:2]] == [1, 4]
    assert len(fits) == 2 * len(experiment.fits("ista"))
    assert "iterations=4" in str(fits[1])
    assert [experiment.recorded("ista_strong", fit) for fit in fits[:2]] == [[1], [4]]
    assert experiment.recorded("ista_strong") == [1, 4]
    # The same settings make the same fit, whichever way they are written.
    alone = load(tmp_path, deep("{method: ista, iterations: 4, tune: {rho: [0.5, 0.25]}}"))
    assert specs.fit_spec(experiment, "ista_strong", fits[1]) == specs.fit_spec(
        alone,
        "ista_strong", alone.fits("ista_strong")[0]
    )


def test_a_claim_may_speak_of_a_depth_and_of_no_other_iteration(tmp_path):
    text = deep("{method: ista, depths: [1, 4], rho: 0.5}")
    at = "left: {method: lista, iteration: 2}"
    text = edited("left: {method: lista}", at, text)
    text = edited("right: {method: ista}", "right: {method: ista_strong, iteration: 4}", text)
    claim = load(tmp_path, text).claims[0]
    assert claim.pairs[0][1].iteration == 4
    text = edited("ista_strong, iteration: 4", "ista_strong, iteration: 2", text)
    with pytest.raises(UserError, match="iteration 2 is not recorded; allowed: 1, 4"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            "{method: ista, rho: 0.5, iterations: 3, depths: [1, 4]}",
            ["depths give the iterations", "keep one"],
        ),
        (
            "{method: ista, rho: 0.5, depths: [1, 4], tune: {iterations: [2, 3]}}",
            ["depths give the iterations", "keep one"],
        ),
        ("{method: ista, rho: 0.5, depths: [4, 4]}", ["depths.1: value 4 stands twice"]),
        ("{method: ista, rho: 0.5, depths: [0]}", ["depths.0: 0: should be greater"]),
    ],
)
def test_depths_that_make_no_sense(tmp_path, entry, words):
    with pytest.raises(UserError) as caught:
        load(tmp_path, deep(entry))
    for word in words:
        assert word in str(caught.value)


def test_a_truth_knows_its_noise_one_way_or_the_other(tmp_path):
    with pytest.raises(UserError, match="scenario: the noise is asked for, and noise_std, or snr"):
        load(tmp_path, edited("  noise_std: 0.3\n", ""))


def test_a_method_without_iterates_has_none_to_supervise(tmp_path):
    learner = "{discriminative: {recipe: {supervise: every_iterate}}}"
    text = edited("{linear_mmse: {}}", learner, MINIMAL)
    text = edited("sweep: {", "sweep: {n_train: [10], ", text)
    with pytest.raises(UserError, match="every_iterate: 'discriminative' has no iterates"):
        load(tmp_path, text)


def test_a_method_without_iterations_has_no_depths(tmp_path):
    text = edited("{linear_mmse: {}}", "{linear_mmse: {depths: [1]}}", MINIMAL)
    with pytest.raises(UserError, match="'linear_mmse' has no setting that counts its"):
        load(tmp_path, text)


def test_a_capped_scale_keeps_the_least_and_the_greatest_depth(tmp_path):
    text = deep("{method: ista, depths: [1, 2, 4, 8], rho: 0.5}")
    small = load(tmp_path, text, Scale("s", "a", "r", "f", AtMost(values_per_sweep=2)))
    assert small.methods["ista_strong"].depths == [1, 8]


def test_a_claim_says_where_it_is_tested(tmp_path):
    text = edited("seeds: 6", "seeds: 6\ntest_sweep: {noise_std: [0.1, 1.0]}")
    with pytest.raises(UserError, match="test_noise_std has several values here, and is not x"):
        load(tmp_path, text)
    text = edited("where: {n_train: 10}", "where: {n_train: 10, test_noise_std: 1}", text)
    with pytest.raises(UserError, match="is 2 rows of the table, not one; say also test_noise_std"):
        load(tmp_path, text)
    text = edited("at: {noise_std: 0.1, n", "at: {noise_std: 0.1, test_noise_std: 1, n", text)
    text = edited("at: {noise_std: 0.2}", "at: {noise_std: 0.2, test_noise_std: 1}", text)
    assert load(tmp_path, text).claims[0].pairs[0][0].at["test_noise_std"] == 1


def test_values_that_are_run_only_apart_pin_no_row(tmp_path):
    blocks = (
        "sweep:\n  - {noise_std: [0.1], n_train: [10, 20]}\n  - {noise_std: [0.2], n_train: [30]}\n"
    )
    text = edited("sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]\n", blocks)
    text = edited("n_train: [10, 20]}\npub", "n_train: [10, 30]}\npub", text)
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    assert "lista at noise_std = 0.1, n_train = 30 is not run" in str(caught.value)


# --- scales ---


def test_a_scale_caps_each_quantity_and_raises_none(tmp_path):
    caps = AtMost(seeds=2, n_train=15, validation=50, test=6, steps=20)
    full = load(tmp_path, BASE)
    small = load(tmp_path, BASE, Scale("small", "a little", "r", "f", caps))
    assert small.n_seeds == 2
    assert small.blocks == [(0, 1)]
    assert [n for _, n in small.runs] == [10, 15, 10, 15]
    assert (small.samples.validation, small.samples.test) == (5, 6)
    assert small.methods["lista"].recipe.steps == 20
    assert small.methods["lista"].settings == full.methods["lista"].settings
    assert small.scenario == full.scenario
    assert small.points == full.points
    assert small.claims == full.claims


def test_capped_training_sizes_that_coincide_are_one(tmp_path):
    small = load(tmp_path, BASE, Scale("small", "a little", "r", "f", AtMost(n_train=10)))
    assert small.runs == [({"noise_std": 0.1}, 10), ({"noise_std": 0.2}, 10)]


@pytest.mark.parametrize(
    ("most", "kept"), [(2, [1, 7]), (3, [1, 4, 7]), (4, [1, 3, 5, 7]), (7, [1, 2, 3, 4, 5, 6, 7])]
)
def test_a_capped_sweep_keeps_its_ends_and_is_spread_between(tmp_path, most, kept):
    text = edited("noise_std: [0.1, 0.2]", "noise_std: [1, 2, 3, 4, 5, 6, 7]")
    text = edited("n_train: [10, 20]\nsamples", "n_train: [10, 20, 30]\nsamples", text)
    text = edited("seeds: 6", "seeds: 6\ntest_sweep: {nonzero_std: [1, 2, 3, 4, 5, 6, 7]}", text)
    text = edited("where: {n_train: 10}", "where: {n_train: 10, test_nonzero_std: 1}", text)
    text = text[: text.index("claims:")]
    small = load(tmp_path, text, Scale("s", "a", "r", "f", AtMost(values_per_sweep=most)))
    assert [point["noise_std"] for point in small.points] == kept
    assert [point["nonzero_std"] for point in small.test_points] == kept
    sizes = [10, 30] if most == 2 else [10, 20, 30]
    assert [n for point, n in small.runs if point == {"noise_std": 1.0}] == sizes


def test_what_fits_itself_cannot_go_together(tmp_path):
    text = MINIMAL.replace("{linear_mmse: {}}", "{discriminative: {recipe: {together: true}}}")
    text = text.replace("[0.5, 1]}", "[0.5, 1], n_train: [10]}")
    with pytest.raises(UserError, match="'discriminative' has a fit of its own, and cannot go"):
        load(tmp_path, text)


def test_a_place_that_a_scale_does_not_run_gives_way_to_the_last(tmp_path):
    panel = "    - {kind: signals, title: S, show: estimates, methods: [ista], place: 1}\nclaims:"
    text = edited("claims:", panel)
    assert load(tmp_path, text).panels[-1].place == 1
    small = Scale("small", "a little", "r", "f", AtMost(values_per_sweep=2))
    assert load(tmp_path, text, small).panels[-1].place == 1
    text = edited("  noise_std: [0.1, 0.2]\n", "  noise_std: [0.1, 0.15, 0.2]\n", text)
    text = edited("methods: [ista], place: 1}", "methods: [ista], place: 2}", text)
    assert load(tmp_path, text).panels[-1].place == 2
    assert load(tmp_path, text, small).panels[-1].place == 1
