"""A scale caps how much is run, and raises nothing."""

import pytest
from experiments.texts import BASE, ROOT, deep, edited, load

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.scale import AtMost, Scale

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


def test_the_full_scale_caps_nothing(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert experiment_file.load_scale("full").at_most == AtMost()


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
