"""A scale caps how much is run, and raises nothing."""

import pytest
from experiments.texts import BASE, ROOT, deep, edited, load

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.scale import AtMost, Scale, at_scale

SCALE = """\
about: A little of it.
results: results/small
figures: figures/small
at_most:
  seeds: 2
  steps: 20
"""
SCALE_MISTAKES = {
    "unknown key": ("about:", "abuot:", 1, ["unknown key 'abuot'", "did you mean about"]),
    "missing key": ("figures: figures/small\n", "", 1, ["key 'figures' is missing"]),
    "unknown cap": ("  steps:", "  stps:", 6, ["at_most.stps: unknown key", "did you mean steps"]),
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
    "format that there is not": (
        "at_most:",
        "figure_formats: [png, jpg]\nat_most:",
        4,
        ["figure_formats.1: 'jpg'", "did you mean png? allowed: pdf, png, svg"],
    ),
    "no picture for the report": (
        "at_most:",
        "figure_formats: [pdf]\nat_most:",
        4,
        ["['pdf']: should name png, which the report shows"],
    ),
    "format named twice": (
        "at_most:",
        "figure_formats: [png, png]\nat_most:",
        4,
        ["and each format once"],
    ),
    "fewer signals than figures show": ("steps: 20", "test: 2", 6, ["test: 2", "equal to 3"]),
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
    with pytest.raises(UserError, match=r"no scale 'smoll'; did you mean small\? allowed: small"):
        experiment_file.load_scale("smoll")


def test_a_scale_holds_what_its_file_says(scales):
    scale = experiment_file.load_scale("small")
    assert scale == Scale(
        "small",
        "A little of it.",
        "results/small",
        "figures/small",
        AtMost(seeds=2, steps=20),
    )


@pytest.mark.parametrize(
    ("line", "formats"), [("", ("png",)), ("figure_formats: [svg, png]\n", ("svg", "png"))]
)
def test_a_scale_says_which_files_a_figure_is_written_as(scales, line, formats):
    (scales / "small.yaml").write_text(line + SCALE)
    assert experiment_file.load_scale("small").figure_formats == formats


def test_the_full_scale_caps_nothing(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert experiment_file.load_scale("full").at_most == AtMost()


def test_without_caps_an_experiment_stays_as_it_is(tmp_path):
    text = edited("seeds: 6", "seeds: 6\ntest_sweep: {nonzero_std: [1, 2]}")
    text = edited("where: {n_train: 10}", "where: {n_train: 10, test_nonzero_std: 1}", text)
    experiment = load(tmp_path, text[: text.index("claims:")])
    assert at_scale(experiment, Scale("all", "a", "r", "f")) == experiment


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


def test_a_capped_scale_keeps_the_least_and_the_greatest_depth(tmp_path):
    text = deep("{method: ista, depths: [1, 2, 4, 8], rho: 0.5}")
    small = load(tmp_path, text, Scale("s", "a", "r", "f", AtMost(values_per_sweep=2)))
    assert small.methods["ista_strong"].depths == [1, 8]


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


def small(tmp_path, text, **caps):
    return load(tmp_path, text, Scale("small", "a little", "r", "f", AtMost(**caps)))


def test_iterations_are_capped_in_settings_depths_and_what_is_recorded(tmp_path):
    text = deep("{method: ista, depths: [1, 2, 8, 16], rho: 0.5}")
    few = small(tmp_path, text, iterations=4)
    made = {label: entry.most_iterations for label, entry in few.methods.items()}
    assert made == {"ista": 4, "ista_strong": None, "lista": 3}
    assert few.methods["ista_strong"].depths == [1, 2, 4]
    assert few.trace == [0, 1, 2, 4]
    assert few.recorded("ista") == [0, 1, 2, 4]
    assert few.recorded("lista") == [0, 1, 2]


def test_iterations_are_capped_where_they_are_tuned_or_the_method_is_not_iterative(tmp_path):
    text = edited("    iterations: 9\n    tune:\n", "    tune:\n      iterations: [2, 9, 20]\n")
    assert small(tmp_path, text, iterations=4).methods["ista"].tune["iterations"] == [2, 4]
    em = small(tmp_path, STEPS, iterations=4).methods["em_kalman_filter"]
    assert not em.info.iterative and em.settings["iterations"] == 4


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (1, ([0.3], [7])),
        (2, ([0.1, 0.5], [7])),
        (3, ([0.1, 0.3, 0.5], [7])),
        (6, ([0.1, 0.2, 0.3, 0.4, 0.5], [7])),
        (10, ([0.1, 0.2, 0.3, 0.4, 0.5], [6, 8])),
        (15, ([0.1, 0.2, 0.3, 0.4, 0.5], [6, 7, 8])),
    ],
)
def test_choices_are_capped_together_and_spread_in_each_list(tmp_path, most, kept):
    tune = "      rho: [0.1, 0.2, 0.3, 0.4, 0.5]\n      iterations: [6, 7, 8]"
    text = edited("    iterations: 9\n    tune:\n      rho: [0.5, 0.25]", f"    tune:\n{tune}")
    tuned = small(tmp_path, text, choices=most).methods["ista"].tune
    assert (tuned["rho"], tuned["iterations"]) == kept


STEPS = """\
book: {example: null, section: "3", title: A title, says: A sentence.}
area: tracking
scenario:
  {kind: linear_state_space, transition: canonical, noise_std: 1, process_noise_std: 1, n_steps: 20}
beliefs: {other: {}}
sweep: {noise_std: [0.1, 1.0], n_train: [9]}
test_sweep: {n_steps: [5, 20, 40]}
samples: {validation: 5, test: 7}
seeds: 1
methods: {em_kalman_filter: {}}
metrics: [mse_db]
figure:
  caption: A caption.
  panels:
    - {kind: lines, title: Error, x: noise_std, y: mse_db, where: {test_n_steps: 40}}
    - {kind: lines, title: Short, x: noise_std, y: mse_db, where: {test_n_steps: 5}}
"""


def test_trajectories_are_capped_where_they_are_swept_too(tmp_path):
    few = small(tmp_path, STEPS, n_steps=10)
    assert few.scenario.n_steps == 10
    assert few.test_points == [{"n_steps": 5}, {"n_steps": 10}]
    assert [panel.where for panel in few.panels] == [{"test_n_steps": 10}, {"test_n_steps": 5}]
    assert [p.title for p in few.panels] == ["Error\n(here test_n_steps = 10)", "Short"]
    assert small(tmp_path, STEPS, n_steps=100) == load(tmp_path, STEPS)


FOR_EACH_STEP = f"transition: {[[[1.0, 1.0], [0.0, 1.0]]] * 20}"


@pytest.mark.parametrize(
    ("old", "new"),
    [("transition: canonical", FOR_EACH_STEP), ("other: {}", f"other: {{{FOR_EACH_STEP}}}")],
)
def test_trajectories_stay_as_long_as_what_is_given_for_each_step(tmp_path, old, new):
    panel = "  panels: [{kind: lines, title: Error, x: noise_std, y: mse_db}]\n"
    text = edited(
        "test_sweep: {n_steps: [5, 20, 40]}\n", "", STEPS.partition("  panels:")[0] + panel
    )
    assert small(tmp_path, text, n_steps=10).scenario.n_steps == 10
    assert small(tmp_path, edited(old, new, text), n_steps=10).scenario.n_steps == 20


def test_a_draft_lies_between_smoke_and_the_whole_and_has_every_experiment(monkeypatch):
    monkeypatch.chdir(ROOT)
    smoke, draft, full = map(experiment_file.load_scale, ("smoke", "draft", "full"))
    for name, cap in smoke.at_most.model_dump().items():
        assert cap < getattr(draft.at_most, name)
    assert draft.results != smoke.results
    whole = experiment_file.load_all(full)
    drafts = experiment_file.load_all(draft)
    assert drafts.keys() == whole.keys()
    assert {one.n_seeds for one in drafts.values()} <= {1, 3}
    steps = {
        (name, label): (entry.recipe.steps, drafts[name].methods[label].recipe.steps)
        for name, one in whole.items()
        for label, entry in one.methods.items()
    }
    assert all(few == min(many, 200) for many, few in steps.values())
