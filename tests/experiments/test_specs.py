"""Results and jobs depend on what they are computed from, and on nothing else."""

import pytest
import yaml
from experiments.texts import BASE, edited, load

from mbdl_repro.contract.family import Family
from mbdl_repro.contract.hashing import canonical
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments import specs


def everything(experiment):
    """Return all that results and jobs depend on, as text."""
    jobs = {
        (verb, None): getattr(specs, f"{verb}_spec")(experiment)
        for verb in ("simulate", "bounds", "tabulate", "summarize", "verify", "draw")
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


SIGNALS = """\
    - {kind: signals, title: Signal, show: estimates, methods: [ista, lista], place: 1, example: 0}
claims:
"""


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("title: Signal", "title: Signals, focus: [lista]", {("draw", None)}),
        ("[ista, lista]", "[ista]", {("draw", None), ("tabulate", None)}),
        ("place: 1", "place: 0", {("draw", None), ("tabulate", None)}),
        ("example: 0", "example: 1", {("draw", None), ("tabulate", None)}),
        ("show: estimates", "show: target", {("draw", None), ("tabulate", None)}),
    ],
)
def test_of_a_panel_what_is_kept_depends_on_what_it_reads(tmp_path, old, new, changed):
    text = edited("claims:\n", SIGNALS)
    before = everything(load(tmp_path, text))
    after = everything(load(tmp_path, edited(old, new, text)))
    assert {key for key in before if before[key] != after[key]} == changed


def test_a_setting_of_one_method_leaves_the_fits_of_others(tmp_path):
    before = everything(load(tmp_path, BASE))
    after = everything(load(tmp_path, edited("rho: 0.125", "rho: 0.5")))
    changed = {key for key in before if before[key] != after[key]}
    assert {("train", "lista"), ("evaluate", "lista")} <= changed
    assert not {"ista", "ista_strong"} & {part for key in changed for part in key}
    assert ("simulate", None) not in changed


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


def test_training_sets_of_all_sizes_are_cut_from_one(tmp_path):
    experiment = load(tmp_path, BASE)
    small, large = (
        f for f in experiment.fits("lista") if f.point == {"noise_std": 0.1} and f.seeds[0] == 0
    )
    assert (small.n_train, large.n_train) == (10, 20)
    assert specs.data_spec(experiment, small, None) == specs.data_spec(experiment, large, None)
    assert specs.data_spec(experiment, small, None)["sizes"] == {"train": 20, "validation": 5}
    assert specs.data_spec(experiment, small, {})["sizes"] == {"test": 7}
    assert specs.fit_spec(experiment, "lista", small) != specs.fit_spec(experiment, "lista", large)


def test_more_seeds_are_more_blocks_and_leave_those_that_there_were(tmp_path):
    few, many = load(tmp_path, BASE), load(tmp_path, edited("seeds: 6", "seeds: 9"))
    assert many.blocks[:2] == few.blocks
    for label in few.methods:
        fits = [canonical(specs.fit_spec(many, label, fit)) for fit in many.fits(label)]
        assert {canonical(specs.fit_spec(few, label, fit)) for fit in few.fits(label)} < set(fits)


def test_specifications_name_what_the_catalogue_names_and_never_where_it_is(tmp_path):
    experiment = load(tmp_path, BASE)
    fit = experiment.fits("ista_strong")[0]
    assert specs.fit_spec(experiment, "ista_strong", fit)["method"] == "sparse_recovery.ista"
    _, bounded, at = experiment.boundings()[0]
    spec = specs.bound_spec(experiment, "oracle_least_squares", bounded, at)
    assert spec["bound"] == "sparse_recovery.oracle_least_squares"
    assert spec["tested"]["truth"]["scenario"] == "sparse_recovery.sparse_recovery"
    for key, text in everything(experiment).items():
        assert "mbdl_repro" not in text, key


RENAMED = BASE.replace("blind", "sightless")


def test_a_table_depends_on_the_words_that_it_adds_to_the_rows_and_these_do_not(tmp_path):
    experiment = load(tmp_path, BASE)
    assert specs.evaluate_spec(experiment, "lista")["method"]["label"] == "lista"
    spec = specs.summarize_spec(experiment)
    assert spec["words"]["lista"] == (Family.UNFOLDED_OBJECTIVE.title, "blind")
    assert spec["bound"] == Family.BOUND.title
    assert spec["scales"] == experiment.scales
    before, renamed = everything(experiment), everything(load(tmp_path, RENAMED))
    changed = {key for key in before if before[key] != renamed[key]}
    assert ("summarize", None) in changed
    assert not changed & {("train", "lista"), ("evaluate", "lista"), ("verify", None)}


def test_what_gathers_experiments_depends_on_their_names_or_on_all_they_say(tmp_path):
    experiments = {"a": load(tmp_path, BASE), "b": load(tmp_path, edited("seeds: 6", "seeds: 3"))}
    other = experiments | {"b": experiments["a"]}
    assert specs.gather_spec(experiments) == specs.gather_spec(other) == {"experiments": ["a", "b"]}
    assert specs.report_spec(experiments, "0") != specs.report_spec(other, "0")
    assert specs.report_spec(experiments, "0") != specs.report_spec(experiments, "1")
    assert specs.report_spec(experiments, "0")["b"]["seeds"] == 3
