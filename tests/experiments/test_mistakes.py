"""Every mistake in an experiment file is one message: file, line, value, and the cure."""

import pytest
from experiments.texts import BASE, FULL, MINIMAL, deep, edited, load

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file

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
        ["unknown key 'sedes'", "did you mean seeds"],
    ),
    "misspelt key in the book": (
        '  section: "5.3"',
        '  sction: "5.3" #<',
        ["unknown key 'sction'", "did you mean section"],
    ),
    "misspelt key in samples": (
        "samples: {validation: 5, test: 7}",
        "samples: {validation: 5, tests: 7} #<",
        ["samples.tests: unknown key 'tests'", "did you mean test"],
    ),
    "misspelt field in the scenario": (
        "  n_nonzeros: 2",
        "  n_nonzero: 2 #<",
        ["unknown scenario field 'n_nonzero'", "did you mean n_nonzeros"],
    ),
    "unknown field in a belief": (
        "blind: {nonzero_std: null}",
        "blind: {colour: null} #<",
        ["beliefs.blind.colour", "unknown scenario field 'colour'", "noise_std"],
    ),
    "misspelt setting of a method": (
        "rho: 0.125",
        "roh: 0.125 #<",
        ["methods.lista.roh: unknown key 'roh'", "did you mean rho", "belief", "iterations"],
    ),
    "misspelt setting that is tuned": (
        "rho: [0.5, 0.25]",
        "rhoo: [0.5] #<",
        ["methods.ista.tune.rhoo", "did you mean rho", "allowed: gap_tolerance, iterations"],
    ),
    "unknown setting that is tuned": (
        "rho: [0.5, 0.25]",
        "rho: [0.5]\n      colour: [1] #<",
        ["unknown setting to tune 'colour'", "allowed: gap_tolerance, iterations, rho"],
    ),
    "misspelt key of a method's frame": (
        "legend: LISTA",
        "legnd: LISTA #<",
        ["unknown key 'legnd'", "did you mean legend"],
    ),
    "misspelt key in a recipe": (
        "steps: 30",
        "learning_rte: 0.1 #<",
        ["recipe.learning_rte: unknown key", "did you mean learning_rate"],
    ),
    "unknown key in the figure": (
        "caption: A caption.",
        "caption: A caption.\n  rows: 2 #<",
        ["figure.rows: unknown key 'rows'", "columns, panels"],
    ),
    "misspelt key in a panel": (
        "      x: noise_std",
        "      x: noise_std\n      y_scal: log #<",
        ["figure.panels.0.y_scal: unknown key", "did you mean y_scale", "kind"],
    ),
    "misspelt key in a claim": (
        "    relation: below",
        "    relation: below\n    facter: 2 #<",
        ["claims.0.facter: unknown key 'facter'", "did you mean factor"],
    ),
    "misspelt key in a side of a claim": (
        "left: {method: lista}",
        "left: {metod: lista} #<",
        ["claims.0.left.metod: unknown key", "did you mean method"],
    ),
    "misspelt key in a published number": (
        "value: 1.5",
        "value: 1.5\n    remarks: none #<",
        ["published.0.remarks: unknown key", "did you mean remark"],
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
            "allowed: dots, eigenvalues, emitters, history, images, lines",
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
        ["unknown area 'sparse_recover'", "did you mean sparse_recovery", "linear_estimation"],
    ),
    "unknown kind of scenario": (
        "  observation_matrix: unit_columns",
        "  observation_matrix: unit_columns\n  kind: sparse #<",
        [
            "scenario.kind: unknown kind of scenario 'sparse'",
            "allowed: blinking_emitters, random_generator, sparse_recovery",
        ],
    ),
    "unknown method": (
        "  ista_strong:\n    method: ista\n",
        "  ista_strong:\n    method: istaa #<\n",
        ["unknown method 'istaa'", "did you mean ista", "allowed: ", "lista"],
    ),
    "label that is no method": (
        "  lista:\n",
        "  listo: #<\n",
        ["unknown method 'listo'", "did you mean lista"],
    ),
    "label that cannot name a file": (
        "  ista_strong:\n",
        "  ista/strong: #<\n",
        ["'ista/strong' names files", "allowed: letters, digits"],
    ),
    "unknown belief": (
        "belief: blind",
        "belief: blid #<",
        ["methods.lista.belief: unknown belief 'blid'", "did you mean blind", "full"],
    ),
    "unknown metric": (
        "  - squared_error\n",
        "  - squared_eror #<\n",
        ["unknown metric 'squared_eror'", "did you mean squared_error"],
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
            "did you mean lines",
            "allowed: dots, eigenvalues, emitters, history, images, lines",
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
        ["unknown column 'noise'", "did you mean noise_std", "iteration, n_train, noise_std"],
    ),
    "unknown method in a panel": (
        "      x: noise_std",
        "      x: noise_std\n      methods:\n        - ista\n        - fista #<",
        ["unknown method 'fista'", "did you mean ista", "ista_strong, lista"],
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
        ["recipe.optimizer: 'adaam'", "did you mean adam", "allowed: adam, adamw, sgd"],
    ),
    "unknown law of the matrix": (
        "observation_matrix: unit_columns",
        "observation_matrix: unit_colums #<",
        ["'unit_colums'", "did you mean unit_columns", "orthonormal_rows"],
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
        ["claims.0.right: inf", "should be a finite number"],
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
        ["unknown column 'noise'", "did you mean noise_std", "allowed: n_train, noise_std"],
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
    with pytest.raises(UserError, match="not a file: remove it, or give it another name"):
        experiment_file.load_file(tmp_path, FULL)


def test_two_mistakes_are_two_messages(tmp_path):
    text = edited("seeds: 6", "seeds: four")
    with pytest.raises(UserError) as caught:
        load(tmp_path, edited("trace: [0, 1, 2, 5]", "trace: [-1]", text))
    first, second = str(caught.value).splitlines()
    assert "seeds: 'four'" in first
    assert "trace.0: -1" in second


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


def test_what_changes_along_with_x_is_not_left_open(tmp_path):
    blocks = "  - {n_signal: [8], n_nonzeros: [2]}\n  - {n_signal: [9, 10], n_nonzeros: [3]}\n"
    text = edited("seeds: 6", f"seeds: 6\ntest_sweep:\n{blocks}")
    text = edited("where: {n_train: 10}", "where: {n_train: 10, noise_std: 0.1}", text)
    text = edited("x: noise_std", "x: test_n_signal", text)
    text = text[: text.index("claims:")]
    assert load(tmp_path, text).panels[0].x == "test_n_signal"
    text = edited("n_signal: [9, 10]", "n_signal: [8, 10]", text)
    with pytest.raises(UserError, match="test_n_nonzeros has several values here, and is not x"):
        load(tmp_path, text)


def test_values_that_are_run_only_apart_pin_no_row(tmp_path):
    blocks = (
        "sweep:\n  - {noise_std: [0.1], n_train: [10, 20]}\n  - {noise_std: [0.2], n_train: [30]}\n"
    )
    text = edited("sweep:\n  noise_std: [0.1, 0.2]\n  n_train: [10, 20]\n", blocks)
    text = edited("n_train: [10, 20]}\npub", "n_train: [10, 30]}\npub", text)
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    assert "lista at noise_std = 0.1, n_train = 30 is not run" in str(caught.value)


def test_what_fits_itself_cannot_go_together(tmp_path):
    text = MINIMAL.replace("{linear_mmse: {}}", "{discriminative: {recipe: {together: true}}}")
    text = text.replace("[0.5, 1]}", "[0.5, 1], n_train: [10]}")
    with pytest.raises(UserError, match="'discriminative' has a fit of its own, and cannot go"):
        load(tmp_path, text)


def test_what_no_fit_depends_on_is_not_tuned(tmp_path):
    """Validation would not see it, and the first of the list would be kept always."""
    with pytest.raises(UserError, match="neither a fit nor its loss depends on 'decision_lag'"):
        load(
            tmp_path,
            """
            book: {example: null, section: "5.5", title: T, says: S.}
            area: receivers
            scenario: {kind: finite_memory}
            sweep: {n_train: [2]}
            samples: {validation: 2, test: 2}
            seeds: 1
            methods:
              viterbinet: {tune: {decision_lag: [1, 2]}, recipe: {}}
            metrics: [symbol_error_rate]
            figure:
              caption: C.
              panels: [{kind: dots, title: P, y: symbol_error_rate}]
            """,
        )
