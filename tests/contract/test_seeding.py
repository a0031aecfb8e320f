"""Streams depend on their names alone: in every process and order, whatever others there are."""

import dataclasses
import inspect
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mbdl_repro import catalogue
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for, torch_rng_of
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.scale import AtMost, Scale

ROOT = Path(__file__).parents[2]
NAMES = [
    (),
    ("data",),
    ("fit",),
    ("data", 0),
    ("data", 1),
    ("data", "0"),
    ("data", 0.0),
    ("data", None),
    ("data", "train", 0),
    ("data", "test", 0),
    ("data", "train0"),
    ("datatrain", 0),
    (["data", "train"], 0),
    ("data", ["train", 0]),
    ("data", {"noise_std": 0.1}),
    ("data", {"noise_std": 0.2}),
    ("data", {"noise_std": 0.1, "k": 1}),
    ("ρ",),
]


# --- names ---


def numpy_stream(names):
    return rng_for(*names).standard_normal(8).tolist()


def torch_stream(names):
    return torch.randn(8, generator=torch_rng_for(*names), dtype=torch.float64).tolist()


both = pytest.mark.parametrize("stream", [numpy_stream, torch_stream])


@both
def test_every_name_has_a_stream_of_its_own(stream):
    for a, b in itertools.combinations(NAMES, 2):
        assert not set(stream(a)) & set(stream(b)), f"{a} and {b} share numbers"


def test_a_stream_named_by_a_tensor_depends_on_its_numbers_alone():
    rows = torch.arange(6.0).view(2, 3)
    first = torch_rng_of(rows, "noise").initial_seed()
    same = (rows.double(), rows.mT.contiguous().mT, rows.clone().requires_grad_())
    assert all(torch_rng_of(one, "noise").initial_seed() == first for one in same)
    others = (torch_rng_of(rows, "other"), torch_rng_of(rows + 1, "noise"))
    assert first not in [rng.initial_seed() for rng in others]


@both
def test_a_stream_is_the_same_each_time_it_is_asked_for(stream):
    first = [stream(names) for names in NAMES]
    assert [stream(names) for names in reversed(NAMES)] == first[::-1]


@both
def test_a_stream_depends_on_the_content_of_a_mapping_and_not_on_its_order(stream):
    assert stream(({"a": 1, "b": 2},)) == stream(({"b": 2, "a": 1},))
    assert stream(((0, 1),)) == stream(([0, 1],))


def test_a_stream_is_unmoved_by_the_global_generators():
    expected = numpy_stream(("data", 0)), torch_stream(("data", 0))
    np.random.seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        assert (numpy_stream(("data", 0)), torch_stream(("data", 0))) == expected


def test_asking_for_a_stream_moves_no_global_generator():
    before = torch.get_rng_state()
    torch_stream(("data", 0))
    numpy_stream(("data", 0))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_name_that_json_cannot_spell_is_refused():
    """An object's default text holds its address, which differs from process to process."""
    with pytest.raises(TypeError):
        rng_for(object())


def test_streams_are_uncorrelated_and_normal():
    """4 standard errors of the mean, the variance and the correlation of neighbours."""
    draws = np.stack([rng_for("test", i).standard_normal(400) for i in range(200)])
    n = draws.size
    assert abs(draws.mean()) < 4 / np.sqrt(n)
    assert abs(draws.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((draws[:-1] * draws[1:]).mean()) < 4 / np.sqrt(n)


PRINT = """
import torch
from mbdl_repro.contract.seeding import rng_for, torch_rng_for, torch_rng_of
names = {names!r}
print(repr([rng_for(*n).standard_normal(3).tolist() for n in names]))
print(repr([torch.randn(3, generator=torch_rng_for(*n), dtype=torch.float64).tolist()
            for n in names]))
"""


def python(code, hash_seed):
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def test_streams_are_the_same_in_another_process():
    ours = [
        repr([rng_for(*n).standard_normal(3).tolist() for n in NAMES]),
        repr(
            [
                torch.randn(3, generator=torch_rng_for(*n), dtype=torch.float64).tolist()
                for n in NAMES
            ]
        ),
    ]
    assert python(PRINT.format(names=NAMES), "1") == ours


def test_streams_stay_what_they_were():
    """What is stored was drawn from these: a change here makes all of it another experiment's."""
    rng = rng_for("data", {"noise_std": 0.1}, "train", 0)
    assert rng.integers(2**32, size=2).tolist() == [2119159462, 2484100889]


# --- draws of every scenario ---


def shipped() -> dict[Scenario, str]:
    """Each scenario that an experiment of ours uses, as the last to use it has it."""
    folder = ROOT / experiment_file.EXPERIMENTS
    scale = Scale("small", "a little", "r", "f", AtMost(seeds=1))
    loaded = [experiment_file.load_file(path, scale) for path in sorted(folder.glob("*.yaml"))]
    return {one.scenario_at(one.points[0]): one.name for one in loaded}


SHIPPED = shipped()


@pytest.fixture(scope="module", params=SHIPPED, ids=SHIPPED.values())
def truth(request):
    return request.param


@pytest.fixture(scope="module")
def longest(truth):
    """Two rows more than a chunk."""
    return truth.draw(truth.chunk_size + 2, "train", 0)


def test_every_kind_of_scenario_is_among_those_tested():
    used = {type(truth) for truth in SHIPPED}
    there = {cls for area in catalogue.areas() for cls in catalogue.scenarios(area).values()}
    concrete = {cls for cls in there if not inspect.isabstract(cls)}
    assert concrete - used == set(), "no experiment uses these"


def equal(a: Split, b: Split) -> bool:
    return np.array_equal(a.x, b.x) and np.array_equal(a.s, b.s)


def test_a_longer_draw_begins_with_a_shorter_one(truth, longest):
    chunk = truth.chunk_size
    assert len(longest.x) == len(longest.s) == chunk + 2
    for n in (1, 2, chunk - 1, chunk, chunk + 1):
        if n >= 1:
            assert equal(truth.draw(n, "train", 0), longest.first(n)), f"{n} rows"


def test_a_draw_is_the_same_each_time(truth, longest):
    copy = dataclasses.replace(truth)
    assert equal(copy.draw(3, "train", 0), longest.first(3))


def test_draws_differ_from_row_to_row_and_from_name_to_name(truth, longest):
    chunk = truth.chunk_size
    others = [truth.draw(2, *name) for name in (("train", 1), ("test", 0), ("validation", 0))]
    rows = [longest.x[0], longest.x[1], longest.x[chunk], longest.x[chunk + 1]]
    rows += [row for other in others for row in other.x]
    for a, b in itertools.combinations(rows, 2):
        assert not np.array_equal(a, b)


AT_THE_END = ("correlation", "spacing", "max_angle_deg")
"""Fields whose values may be the largest that there are."""


def test_a_change_of_any_field_is_another_stream(truth):
    """So that two points of a sweep are independent draws."""
    rng_names = truth.identity()
    for field in dataclasses.fields(truth):
        value = getattr(truth, field.name)
        if type(value) is float:
            try:
                other = dataclasses.replace(truth, **{field.name: value * 1.0000001 or 1e-7})
            except ValueError:  # one entry cannot be rotated, and some are at the end of a range
                assert ("rotat" in field.name and not value) or field.name in AT_THE_END
                continue
            assert other.identity() != rng_names
            assert numpy_stream(other.identity()) != numpy_stream(rng_names)


def test_data_are_finite_and_batch_first_and_targets_are_doubles(truth, longest):
    for array in longest:
        assert len(array) == truth.chunk_size + 2
        assert np.isfinite(array).all()
        assert array.dtype in (np.float64, np.complex128, np.complex64)
    assert longest.s.dtype in (np.float64, np.complex128)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Scenario):
    """Rows that show which generator they come from."""

    chunk_size = 3
    scale: float | None = 1.0

    def sample(self, n, rng):
        x = self.scale * rng.standard_normal((n, 2))
        return Split(x=x, s=-x)

    def identity(self):
        return ("toy", dataclasses.asdict(self))


def test_a_draw_joins_chunks_each_from_a_stream_of_its_own():
    names = ("data", "toy", {"scale": 1.0}, "train", 4)
    x = np.concatenate([rng_for(*names, i).standard_normal((3, 2)) for i in range(3)])[:7]
    assert equal(Toy().draw(7, "train", 4), Split(x, -x))


def test_a_believed_scenario_is_a_changed_copy():
    assert Toy().believed(scale=2.0) == Toy(scale=2.0)
    assert Toy().believed() == Toy()
    assert Toy().believed(scale=None).scale is None


def test_the_first_rows_of_a_split_are_a_split():
    draw = Toy().draw(5, "train", 0)
    assert equal(draw.first(2), Split(draw.x[:2], draw.s[:2]))
    assert equal(draw.first(9), draw)
