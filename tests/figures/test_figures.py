"""The one style, and what each kind of panel shows of a small table."""

import dataclasses
import itertools
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.patches import Polygon, Rectangle

from mbdl_repro import figures
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import Place
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.scale import AtMost, Scale
from mbdl_repro.figures import (
    dots,
    eigenvalues,
    history,
    images,
    lines,
    roots,
    signals,
    spectrum,
    trajectory,
)
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.style import (
    COLOURS,
    LINES,
    MARKERS,
    RC,
    lay_out,
    legend_below,
    row_styles,
    to_bytes,
)

ROOT = Path(__file__).parents[2]

# --- colours ---


def channels(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def lab(colour: str) -> np.ndarray:
    """Return CIE L*a*b* of an sRGB colour (D65): distances in it are those that eyes see."""
    c = channels(colour) / 255
    linear = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    t = np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a: str, b: str) -> float:
    return float(np.linalg.norm(lab(a) - lab(b)))


JUST_SEEN = 2.3
"""Distance in L*a*b* that is just seen side by side; lines far apart need several times that."""


def test_the_measure_of_distance_is_the_known_one():
    np.testing.assert_allclose(lab("#ffffff"), [100, 0, 0], atol=0.05)
    np.testing.assert_allclose(lab("#ff0000"), [53.2, 80.1, 67.2], atol=0.1)


def test_every_family_has_a_colour():
    assert COLOURS.keys() == set(Family)


@pytest.mark.parametrize(
    ("a", "b"), list(itertools.combinations(Family, 2)), ids=lambda family: family.name
)
def test_families_differ_to_the_eye(a, b):
    assert distance(COLOURS[a], COLOURS[b]) > 7 * JUST_SEEN


def test_the_continuum_begins_dark_and_every_colour_shows_on_white():
    assert lab(COLOURS[Family.MODEL_BASED])[0] < 20
    for family, colour in COLOURS.items():
        assert lab(colour)[0] < 75, family


def shades(family: Family, n: int = 4) -> list[str]:
    return [style.colour for style in styles_of(*[family] * n).values()]


def styles_of(*families: Family, legends=None):
    return row_styles({f"row_{i}": family for i, family in enumerate(families)}, legends or {})


@pytest.mark.parametrize(
    "family", [f for f in Family if f not in (Family.MODEL_BASED, Family.BOUND)]
)
def test_shades_of_a_family_differ_and_stay_of_its_hue(family):
    pure, *others = shades(family)
    assert pure == COLOURS[family]
    for a, b in itertools.combinations([pure, *others], 2):
        assert distance(a, b) > 2 * JUST_SEEN
    to_white = 255 - channels(pure)
    for shade in others:  # on the line to white, but for the rounding of each channel
        way = channels(shade) - channels(pure)
        share = way @ to_white / (to_white @ to_white)
        assert np.abs(way - share * to_white).max() <= 1 and 0 < share < 1
        assert lab(shade)[0] < 93, "it does not show on white"


@pytest.mark.parametrize("family", [f for f in Family if f is not Family.BOUND])
def test_no_shade_of_a_family_is_the_grey_of_bounds(family):
    for shade in shades(family):
        assert distance(shade, COLOURS[Family.BOUND]) > 2 * JUST_SEEN


# --- styles of a figure's rows ---

MIXED = {
    "network": Family.DEEP_LEARNING,
    "floor": Family.BOUND,
    "classical": Family.MODEL_BASED,
    "unfolded": Family.UNFOLDED_OBJECTIVE,
    "classical_2": Family.MODEL_BASED,
    "theory": Family.BOUND,
}


def test_rows_follow_the_continuum_bounds_last():
    styles = row_styles(MIXED, {})
    order = ["classical", "classical_2", "unfolded", "network", "floor", "theory"]
    assert list(styles) == order
    assert [styles[name].order for name in order] == list(range(6))


def test_a_row_is_called_by_its_legend_or_its_name_in_words():
    styles = row_styles(MIXED, {"classical": "ISTA, ρ = 0.5"})
    assert styles["classical"].legend == "ISTA, ρ = 0.5"
    assert styles["classical_2"].legend == "classical 2"


def test_bounds_have_no_marker_and_are_dashed_grey_each_in_its_own_way():
    styles = row_styles(MIXED, {})
    dashes = set()
    for name, family in MIXED.items():
        style = styles[name]
        if family is Family.BOUND:
            assert style.marker is None and style.colour == COLOURS[Family.BOUND]
            assert style.line != "-"
            dashes.add(style.line)
        else:
            assert style.marker in MARKERS
    assert len(dashes) == 2


@pytest.mark.parametrize("n", [2, 5, len(MARKERS)])
def test_markers_are_unique_in_a_figure(n):
    families = itertools.islice(itertools.cycle(f for f in Family if f is not Family.BOUND), n)
    markers = [style.marker for style in styles_of(*families).values()]
    assert len(set(markers)) == n


def test_more_methods_than_markers_are_still_drawn_and_differ():
    styles = styles_of(*[Family.MODEL_BASED, Family.DEEP_LEARNING] * 8)
    assert len(styles) == 16 and {s.marker for s in styles.values()} == set(MARKERS)
    looks = {(s.colour, s.line, s.marker) for s in styles.values()}
    assert len(looks) == 16


def test_a_method_alone_in_its_family_looks_the_same_in_every_figure():
    here = row_styles({"a": Family.MODEL_BASED, "lista": Family.UNFOLDED_OBJECTIVE}, {})
    there = row_styles({"lista": Family.UNFOLDED_OBJECTIVE, "z": Family.DEEP_LEARNING}, {})
    for attribute in ("colour", "line"):
        assert getattr(here["lista"], attribute) == getattr(there["lista"], attribute)
    alone = row_styles({"lista": Family.UNFOLDED_OBJECTIVE}, {})["lista"].marker
    assert {here["lista"].marker, there["lista"].marker} == {alone}


def shipped():
    scale = Scale("small", "a little", "r", "f", AtMost(seeds=1))
    for path in sorted((ROOT / experiment_file.EXPERIMENTS).glob("*.yaml")):
        yield pytest.param(experiment_file.load_file(path, scale), id=path.stem)


@pytest.mark.parametrize("experiment", list(shipped()))
def test_rows_of_shipped_figures_differ(experiment):
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    styles = row_styles(families | dict.fromkeys(experiment.bounds, Family.BOUND), {})
    looks = {(s.marker, s.colour, s.line) for s in styles.values() if s.marker}
    assert len(looks) == len(families)
    markers = {s.marker for s in styles.values() if s.marker}
    assert len(markers) == min(len(families), len(MARKERS))
    for family in {*families.values()}:
        members = [styles[label] for label in families if families[label] is family]
        assert members[0].colour == COLOURS[family]
        assert len({(s.colour, str(s.line), s.marker) for s in members}) == len(members)
        first = members[: len(LINES)]  # and, as long as there are kinds of lines, by the line alone
        assert len({(s.colour, str(s.line)) for s in first}) == len(first)


# --- panels ---


def test_every_kind_of_panel_is_tested_here():
    tested = {"dots", "eigenvalues", "history", "images", "lines", "roots", "signals", "spectrum"}
    assert set(figures.panel_kinds()) == tested | {"trajectory"}


def row(method: str, mean: float, half: float = np.nan, **where) -> dict:
    place = {"noise_std": 0.1, "n_train": 0, "iteration": np.nan, "metric": "error"} | where
    return place | {"method": method, "mean": mean, "ci_low": mean - half, "ci_high": mean + half}


TABLE = pd.DataFrame(
    # Not in the order of the axis: lines are.
    [row("network", 1 / n, 0.1 / n, n_train=n) for n in (100, 10, 1000)]
    + [row("network", 9.0, 1.0, n_train=n, noise_std=0.5) for n in (10, 100, 1000)]
    + [row("network", 7.0, 1.0, n_train=10, metric="residual")]
    + [row("classical", 2.0**-k, 0.1, iteration=k) for k in (0, 1, 2, 4)]
    + [row("classical", 0.03, 0.01), row("classical", 0.3, 0.1, noise_std=0.5)]
    + [row("floor", 0.01, 0.0), row("floor", 0.1, 0.0, noise_std=0.5)]
)
FAMILIES = {
    "network": Family.DEEP_LEARNING,
    "classical": Family.MODEL_BASED,
    "floor": Family.BOUND,
}


def sources(table: pd.DataFrame = TABLE, **examples) -> Sources:
    return Sources(table, examples, row_styles(FAMILIES, {}), {"error": "squared error"})


@pytest.fixture
def axes():
    with plt.rc_context(RC):
        figure, ax = plt.subplots()
        yield ax
        plt.close(figure)


def drawn(axes, table: pd.DataFrame = TABLE, **keys) -> dict:
    """Draw a panel of lines; return its lines by what the legend calls them."""
    spec = lines.Spec(**{"title": "A title", "y": "error"} | keys)
    lines.draw(axes, spec, sources(table))
    axes.figure.canvas.draw()
    return {line.get_label(): line for line in axes.get_lines()}


HERE = {"noise_std": 0.1}


def test_a_line_holds_the_means_in_the_order_of_the_axis(axes):
    line = drawn(axes, x="n_train", where=HERE)["network"]
    np.testing.assert_array_equal(line.get_xdata(), [10, 100, 1000])
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.01, 0.001])
    assert line.get_color() == COLOURS[Family.DEEP_LEARNING]
    assert line.get_marker() in MARKERS


def test_what_does_not_depend_on_the_axis_is_a_level_line(axes):
    found = drawn(axes, x="n_train", where=HERE)
    for name, level in (("classical", 0.03), ("floor", 0.01)):
        assert set(found[name].get_ydata()) == {level}
        ends = found[name].get_transform().transform([[0, level], [1, level]])
        edges = axes.transAxes.transform([[0, 0], [1, 0]])
        np.testing.assert_allclose(ends[:, 0], edges[:, 0], err_msg="from edge to edge")
        low, high = axes.get_ylim()
        assert low <= level <= high, "it is in view"
    assert found.keys() == FAMILIES.keys()


def test_intervals_are_drawn_around_means(axes):
    drawn(axes, x="n_train", where=HERE)
    (band,) = axes.collections
    (path,) = band.get_paths()
    corners = {(float(x), round(float(y), 9)) for x, y in path.vertices}
    assert corners >= {(10, 0.09), (10, 0.11), (100, 0.009), (100, 0.011), (1000, 0.0009)}
    spans = [p for p in axes.patches if isinstance(p, Rectangle | Polygon)]
    extents = [p.get_path().transformed(p.get_patch_transform()).get_extents() for p in spans]
    heights = sorted((round(e.ymin, 9), round(e.ymax, 9)) for e in extents)
    assert (0.02, 0.04) in heights, "the level line has its interval too"


def test_no_interval_is_drawn_where_there_is_none(axes):
    table = pd.DataFrame([row("network", 1.0, np.nan, n_train=n) for n in (10, 100)])
    drawn(axes, table, x="n_train")
    assert not axes.collections and not axes.patches


def test_iterations_are_a_line_and_answers_a_level(axes):
    found = drawn(axes, x="iteration", where=HERE | {"n_train": 10})
    np.testing.assert_array_equal(found["classical"].get_xdata(), [0, 1, 2, 4])
    np.testing.assert_allclose(found["classical"].get_ydata(), [1, 0.5, 0.25, 0.0625])
    assert set(found["network"].get_ydata()) == {0.1}


def test_a_swept_field_is_an_axis_for_methods_and_bounds(axes):
    found = drawn(axes, x="noise_std", where={"n_train": 10})
    for name, values in (("network", [0.1, 9]), ("classical", [0.03, 0.3]), ("floor", [0.01, 0.1])):
        np.testing.assert_allclose(found[name].get_xdata(), [0.1, 0.5])
        np.testing.assert_allclose(found[name].get_ydata(), values)


def test_of_one_place_a_method_is_a_mark_and_a_bound_a_level(axes):
    """A line of one point has no length, and bounds bear no marks."""
    found = drawn(axes, TABLE[TABLE["noise_std"] == 0.5], x="noise_std", where={"n_train": 10})
    for name in ("network", "classical"):
        np.testing.assert_array_equal(found[name].get_xdata(), [0.5])
        assert found[name].get_marker() in MARKERS
    assert len(found["floor"].get_xdata()) > 1
    assert set(found["floor"].get_ydata()) == {0.1}


@pytest.mark.parametrize("x_scale", ["linear", "log"])
def test_few_counts_have_each_its_tick(axes, x_scale):
    drawn(axes, x="iteration", where=HERE | {"n_train": 10}, x_scale=x_scale)
    ticks = [0, 1, 2, 4] if x_scale == "linear" else [1, 2, 4]
    assert list(axes.get_xticks()) == ticks
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(k) for k in ticks]


def test_whole_numbers_that_are_swept_have_each_its_tick(axes):
    table = pd.DataFrame([row("network", 1 / n) | {"n_sources": n} for n in (2, 3, 5)])
    drawn(axes, table, x="n_sources")
    assert list(axes.get_xticks()) == [2, 3, 5]


def test_scales(axes):
    drawn(axes, x="n_train", where=HERE, x_scale="log", y_scale="log")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    low, high = axes.get_ylim()
    assert low < 0.001 and high > 0.1


def test_decibels(axes):
    found = drawn(axes, x="noise_std", x_scale="snr_db", y_scale="db", where={"n_train": 10})
    line = found["classical"]
    np.testing.assert_allclose(np.sort(line.get_xdata()), [6.0206, 20], rtol=1e-5)
    np.testing.assert_allclose(np.sort(line.get_ydata()), [-15.22879, -5.22879], rtol=1e-5)
    assert axes.get_ylabel() == "squared error (dB)"
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")


@pytest.mark.parametrize("y_scale", ["log", "db"])
def test_an_interval_that_reaches_below_zero_does_not_flatten_the_lines(axes, y_scale):
    """Means span a factor of 100, which is to fill a good part of the axis."""
    table = pd.DataFrame(
        [row("network", 1 / n, 2 / n if n == 10 else 0.1 / n, n_train=n) for n in (10, 100, 1000)]
    )
    drawn(axes, table, x="n_train", y_scale=y_scale)
    low, high = axes.get_ylim()
    span = np.log10(high / low) if y_scale == "log" else (high - low) / 10
    assert 2 < span < 8, f"the axis spans {span:.0f} powers of ten"


def test_the_estimate_before_the_first_iteration(axes):
    """A logarithmic axis has no place for 0: it begins at 1, and moves nothing there."""
    where = HERE | {"n_train": 10}
    line = drawn(axes, x="iteration", where=where)["classical"]
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 4])
    assert axes.get_xlim()[0] <= 0
    axes.clear()
    line = drawn(axes, x="iteration", x_scale="log", where=where)["classical"]
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 4])
    np.testing.assert_allclose(line.get_ydata(), [0.5, 0.25, 0.0625])
    low, high = axes.get_xlim()
    assert 0 < low <= 1 and high >= 4


def test_titles_labels_and_ranges(axes):
    keys = {"x_label": "pairs", "y_label": "loss", "y_range": [0.001, 0.5]}
    drawn(axes, x="n_train", where=HERE, **keys)
    assert axes.get_title(loc="left") == "A title"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("pairs", "loss")
    assert axes.get_ylim() == (0.001, 0.5)


def test_labels_are_those_of_the_metric(axes):
    drawn(axes, x="n_train", where=HERE)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("n_train", "squared error")


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ({"methods": ["classical"]}, {"classical", "floor"}),
        ({"bounds": []}, {"classical", "network"}),
        ({"methods": ["network"], "bounds": ["floor"]}, {"network", "floor"}),
    ],
    ids=["methods", "bounds", "both"],
)
def test_only_those_that_are_named_are_drawn(axes, keys, shown):
    assert set(drawn(axes, x="n_train", where=HERE, **keys)) == shown


def test_a_place_that_is_not_in_the_table_draws_nothing(axes):
    assert drawn(axes, x="n_train", where={"noise_std": 0.7}) == {}


@pytest.mark.parametrize(
    ("keys", "name"),
    [({"x": "n_train"}, "network"), ({"x": "iteration", "where": HERE}, "network")],
    ids=["points of a line", "levels"],
)
def test_a_panel_that_leaves_a_column_open_is_refused(axes, keys, name):
    """Else one line would jump between the values of that column (see PanelSpec.where)."""
    with pytest.raises(UserError, match=f"{name} has several rows for one place"):
        drawn(axes, **keys)


def test_another_metric_is_a_dotted_line_of_those_that_have_it(axes):
    more = pd.DataFrame([row("network", 8.0, 1.0, n_train=100, metric="residual")])
    found = drawn(axes, pd.concat([TABLE, more]), x="n_train", where=HERE, also="residual")
    other = found["network: residual"]
    assert (list(other.get_xdata()), list(other.get_ydata())) == ([10, 100], [7.0, 8.0])
    assert other.get_color() == found["network"].get_color()
    assert other.get_marker() in (None, "None", "")
    assert "classical: residual" not in found


# --- dots ---


def dotted(axes, **keys):
    spec = dots.Spec(
        **{"title": "A title", "y": "error", "methods": ["network", "classical"]} | keys
    )
    dots.draw(axes, spec, sources())
    axes.figure.canvas.draw()
    return axes


def test_dots_lie_in_rows_from_top_to_bottom_with_their_intervals(axes):
    dotted(axes, where=HERE | {"n_train": 10})
    marks = [container.lines[0] for container in axes.containers]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(0.1, 0), (0.03, 1)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["network", "classical"]
    top, bottom = axes.get_ylim()[1], axes.get_ylim()[0]
    assert top < 0 < 1 < bottom, "the first row is on top"
    (segments,) = [c.get_segments() for c in axes.containers[0].lines[2]]
    np.testing.assert_allclose(segments[0][:, 0], [0.09, 0.11])
    assert axes.get_xlabel() == "squared error"


def test_bounds_are_lines_across_all_rows(axes):
    dotted(axes, where=HERE | {"n_train": 10})
    (line,) = [line for line in axes.get_lines() if line.get_label() == "floor"]
    assert list(line.get_xdata()) == [0.01, 0.01]
    axes.clear()
    dotted(axes, where=HERE | {"n_train": 10}, bounds=[])
    assert not [line for line in axes.get_lines() if line.get_label() == "floor"]


def test_a_second_metric_is_a_ring(axes):
    dotted(axes, where=HERE | {"n_train": 10}, also="residual", x_scale="log", x_range=[0.01, 20])
    rings = [line for line in axes.get_lines() if line.get_markerfacecolor() == "none"]
    assert [list(line.get_xdata()) for line in rings] == [[7.0], []], "classical has none"
    assert axes.get_xscale() == "log" and axes.get_xlim() == (0.01, 20)


PUBLISHED = [
    (Place("network", {"noise_std": 0.1, "n_train": 100}, None, "error"), 0.5),
    (Place("network", {"noise_std": 0.1, "n_train": 10}, None, "residual"), 0.6),
    (Place("classical", {"noise_std": 0.5}, None, "error"), 0.7),
]


def printed_in(axes) -> list[tuple[float, float]]:
    marks = [line for line in axes.get_lines() if line.get_marker() == "d"]
    return [(float(m.get_xdata()[0]), float(m.get_ydata()[0])) for m in marks]


def test_published_numbers_are_marked_where_they_belong(axes):
    known = dataclasses.replace(sources(), published=PUBLISHED)
    names = {"title": "A title", "y": "error", "printed": True}
    here = HERE | {"n_train": 100}
    dots.draw(axes, dots.Spec(methods=["network", "classical"], where=here, **names), known)
    assert printed_in(axes) == [(0.5, 0)]
    assert "published" in axes.get_legend_handles_labels()[1]
    axes.clear()
    lines.draw(axes, lines.Spec(x="n_train", where=HERE, **names), known)
    assert printed_in(axes) == [(100, 0.5)]
    axes.clear()
    lines.draw(axes, lines.Spec(x="noise_std", where={"n_train": 100}, **names), known)
    assert sorted(printed_in(axes)) == [(0.1, 0.5), (0.5, 0.7)]


def test_seeds_are_faint_dots_in_the_row_of_their_mean(axes):
    seeds = [{**row("classical", 0.0), "value": v} for v in (0.02, 0.04)]
    known = dataclasses.replace(sources(), seed_table=pd.DataFrame(seeds))
    where = HERE | {"n_train": 10}
    spec = dots.Spec(
        title="T", y="error", methods=["network", "classical"], where=where, seeds=True
    )
    dots.draw(axes, spec, known)
    faint = [line for line in axes.get_lines() if line.get_alpha() is not None]
    assert [list(line.get_xdata()) for line in faint] == [[], [0.02, 0.04]]
    assert list(faint[1].get_ydata()) == [1, 1]


def test_dots_that_leave_a_column_open_are_refused(axes):
    with pytest.raises(UserError, match="network has several rows for one place"):
        dotted(axes, where=HERE)


# --- trajectory ---

TRACK = {
    name: {
        "x_0": np.arange(20.0).reshape(2, 5, 2),
        "s_0": -np.arange(30.0).reshape(2, 5, 3),
        "estimate_0": offset - np.arange(30.0).reshape(2, 5, 3),
    }
    for name, offset in (("classical", 0.5), ("network", 0.25))
}


def tracked(axes, **keys):
    spec = trajectory.Spec(title="A track", **{"methods": ["classical", "network"]} | keys)
    trajectory.draw(axes, spec, sources(**TRACK))
    return {line.get_label(): line for line in axes.get_lines()}


def test_a_trajectory_over_its_steps(axes):
    found = tracked(axes, show=2, observation=1, example=1)
    np.testing.assert_array_equal(found["true state"].get_xdata(), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(found["true state"].get_ydata(), [-17, -20, -23, -26, -29])
    np.testing.assert_array_equal(found["observation"].get_ydata(), [11, 13, 15, 17, 19])
    np.testing.assert_array_equal(
        found["network"].get_ydata(), [-16.75, -19.75, -22.75, -25.75, -28.75]
    )
    assert axes.get_xlabel() == "step t"


def test_a_part_of_a_trajectory_in_seconds(axes):
    found = tracked(axes, steps=[2, 4], time_step_s=0.5)
    for line in found.values():
        np.testing.assert_array_equal(line.get_xdata(), [1.0, 1.5, 2.0])
    assert "observation" not in found
    assert axes.get_xlabel() == "time (s)"


@pytest.mark.parametrize(("key", "n"), [("show", 3), ("observation", 2)])
def test_a_trajectory_of_an_entry_that_there_is_not(axes, key, n):
    with pytest.raises(UserError, match=f"{key}: {n}: there are {n} entries, counted from 0"):
        tracked(axes, **{key: n})


# --- images ---


def pictures(axes, **keys):
    """Draw a truth that brightens from left to right, and estimates that are off by a tenth."""
    s = np.tile(np.linspace(0.0, 0.8, 12), (3, 12, 1))
    estimates = {"network": s + 0.1, "classical": s + 0.01}
    stored = {
        name: {"s_0": s, "x_0": s[:, ::2, ::2], "estimate_0": e} for name, e in estimates.items()
    }
    stored["network"]["kernel_0"] = np.eye(3)[None].repeat(3, 0)
    spec = images.Spec(**{"title": "An image", "methods": [*estimates]} | keys)
    images.draw(axes, spec, sources(**stored))
    axes.figure.canvas.draw()
    return axes.get_images(), {text.get_text() for text in axes.texts}


def test_images_stand_side_by_side_on_one_grey_scale_over_their_psnr(axes):
    tiles, texts = pictures(axes)
    assert len(tiles) == 4
    assert {tile.get_clim() for tile in tiles} == {(0.0, 1.0)}
    lefts = [tile.get_extent()[0] for tile in tiles]
    assert lefts == sorted(lefts)
    assert texts >= {"truth", "observed", "network", "classical", "20.0", "40.0"}
    assert tiles[1].get_array().shape == (6, 6)


def test_a_detail_is_the_same_part_of_the_scene_in_every_image(axes):
    tiles, _ = pictures(axes, zoom=(0, 4, 6))
    assert len(tiles) == 8
    np.testing.assert_allclose(tiles[1].get_array(), tiles[0].get_array()[0:6, 4:10])
    np.testing.assert_allclose(tiles[3].get_array(), tiles[2].get_array()[0:3, 2:5])
    (frame,) = axes.patches
    assert frame.get_x() == pytest.approx(4 / 12)


def test_a_detail_outside_of_the_image_is_refused(axes):
    with pytest.raises(UserError, match=r"zoom \[0, 8, 6\] .* inside of an image of 12 × 12"):
        pictures(axes, zoom=(0, 8, 6))


def test_more_images_make_a_panel_higher(axes):
    tiles, _ = pictures(axes, examples=[0, 2])
    assert len(tiles) == 8
    one, two = (
        images.Spec(title="t", methods=["a"], examples=few).height(10.0) for few in ([0], [0, 1])
    )
    assert two > 1.5 * one


def test_a_kernel_that_was_found_is_shown_in_its_corner(axes):
    tiles, _ = pictures(axes, kernels=True)
    assert [tile.get_array().shape for tile in tiles].count((3, 3)) == 1


def test_what_was_observed_need_not_be_an_image(axes):
    s = np.full((1, 4, 4), 0.5)
    stored = {"s_0": s, "x_0": np.ones((1, 1, 1, 7)), "estimate_0": s + 0.1}
    images.draw(axes, images.Spec(title="t", methods=["network"]), sources(network=stored))
    assert "7 numbers" in {text.get_text() for text in axes.texts}


def test_wide_panels_have_a_row_of_their_own():
    from mbdl_repro.pipeline.stages.draw import _blocks, _rows

    wide = images.Spec(title="t", methods=["a"])
    narrow = lines.Spec(title="t", x="a", y="b")
    rows = list(_rows([wide, narrow, narrow, narrow, wide, narrow], 2))
    assert [len(row) for row in rows] == [1, 2, 1, 1, 1]
    assert _blocks(rows) == [[0], [1], [2], [3], [4]]
    assert _blocks(rows[1:3]) == [[0, 1]]


# --- signals ---

X, S = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[0.0, 0.5, 0.0, -1.0], [2.0, 0, 0, 0]])
EXAMPLES = {
    name: {"x_0": X, "s_0": S, "estimate_0": estimate}
    for name, estimate in (("classical", 0.9 * S), ("network", S + 0.1))
}


def shown(axes, **keys):
    signals.draw(axes, signals.Spec(title="A signal", **keys), sources(**EXAMPLES))
    return {line.get_label(): line for line in axes.get_lines()}


def test_an_observation(axes):
    shown(axes, show="observation", methods=["classical"], example=1, x_label="entry")
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), [3, 4])
    assert axes.get_xlabel() == "entry"


def test_a_target_is_its_nonzero_entries(axes):
    shown(axes, show="target", methods=["classical"])
    (stems,) = [c for c in axes.collections if isinstance(c, LineCollection)]
    ends = {tuple(map(tuple, segment)) for segment in stems.get_segments()}
    assert ends == {((1, 0), (1, 0.5)), ((3, 0), (3, -1))}


def test_estimates_beside_the_target(axes):
    found = shown(axes, show="estimates", methods=["classical", "network"])
    np.testing.assert_array_equal(found["classical"].get_xdata(), [1, 3])
    np.testing.assert_allclose(found["classical"].get_ydata(), [0.45, -0.9])
    np.testing.assert_allclose(found["network"].get_ydata(), S[0] + 0.1)
    for name in ("classical", "network"):
        assert found[name].get_linestyle() == "None" and found[name].get_marker() in MARKERS
    assert [c for c in axes.collections if isinstance(c, LineCollection)], "the target is shown"


def test_an_estimate_of_zero_is_in_the_legend_all_the_same(axes):
    zero = {"classical": EXAMPLES["classical"] | {"estimate_0": 0 * S}}
    spec = signals.Spec(title="A signal", show="estimates", methods=["classical"])
    signals.draw(axes, spec, sources(**zero))
    assert "classical" in axes.get_legend_handles_labels()[1]


# --- spectra, eigenvalues and roots of one trial ---

ARRAY = {
    "classical": {
        "s_1": np.deg2rad([[-30.0, 10.0], [20.0, 40.0]]),
        "estimate_1": np.deg2rad([[-31.0, 12.0], [19.0, 41.0]]),
        "grid_rad_1": np.deg2rad([[-90.0, 0.0, 89.0]] * 2),
        "spectrum_1": np.array([[1.0, 10.0, 100.0], [4.0, 2.0, 1.0]]),
        "eigenvalues_1": np.array([[8.0, 4.0, 0.8], [2.0, 2.0, 0.02]]),
        "root_rad_1": np.deg2rad([[-31.0, 12.0, 70.0], [19.0, 5.0, 41.0]]),
        "root_radius_1": np.array([[0.9, 0.8, 0.3], [0.9, 0.4, 0.95]]),
    }
}


def of_trial(axes, kind, **keys):
    spec = kind.Spec(title="A trial", methods=["classical"], place=1, **keys)
    kind.draw(axes, spec, sources(**ARRAY))
    return axes.get_lines()


def test_a_spectrum_is_in_decibels_below_its_peak(axes):
    *angles, line = of_trial(axes, spectrum, floor_db=-30.0)
    assert [round(a.get_xdata()[0], 9) for a in angles] == [-30, 10]
    np.testing.assert_allclose(line.get_xdata(), [-90, 0, 89])
    np.testing.assert_allclose(line.get_ydata(), [-20, -10, 0], atol=1e-12)
    assert axes.get_ylim()[0] == -30
    axes.clear()
    *_, line = of_trial(axes, spectrum, example=1)
    np.testing.assert_allclose(line.get_ydata(), [0, -3.0103, -6.0206], rtol=1e-4, atol=1e-12)


def test_eigenvalues_are_over_the_largest(axes):
    split, line = of_trial(axes, eigenvalues)
    assert list(split.get_xdata()) == [2.5, 2.5], "after as many as there are sources"
    np.testing.assert_allclose(line.get_ydata(), [0, -3.0103, -10], rtol=1e-4)


def test_roots_that_were_taken_for_sources_are_filled():
    with plt.rc_context(RC):
        figure = plt.figure()
        axes = figure.add_subplot(projection=roots.Spec.projection)
        *angles, left, taken = of_trial(axes, roots, example=1)
        assert [round(np.rad2deg(a.get_xdata()[0]), 9) for a in angles] == [20, 40]
        np.testing.assert_allclose(np.rad2deg(taken.get_xdata()), [19, 41])
        np.testing.assert_allclose(taken.get_ydata(), [0.9, 0.95])
        np.testing.assert_allclose(np.rad2deg(left.get_xdata()), [5])
        assert left.get_markerfacecolor() == "none" != taken.get_markerfacecolor()
        plt.close(figure)


def test_a_method_that_stores_no_such_thing_is_named(axes):
    few = {"classical": {name: ARRAY["classical"][name] for name in ("s_1", "estimate_1")}}
    spec = spectrum.Spec(title="A trial", methods=["classical"], place=1)
    with pytest.raises(UserError, match="classical stores no spectrum; it has estimate, s"):
        spectrum.draw(axes, spec, sources(**few))


# --- training histories ---

HISTORY = {
    "network": {
        "history_n_train": np.array([10.0] * 4 + [100.0] * 2),
        "history_seed": np.array([0.0, 0, 1, 1, 0, 0]),
        "history_step": np.array([0.0, 50, 0, 50, 0, 50]),
        "history_validation_loss": np.array([9.0, 3, 8, 2, 9, 1]),
    }
}


def followed(axes, **where):
    spec = history.Spec(title="A history", methods=["network"], where=where)
    history.draw(axes, spec, sources(**HISTORY))
    return [list(line.get_ydata()) for line in axes.get_lines()]


def test_a_history_is_a_line_a_seed_once_in_the_legend(axes):
    assert followed(axes, n_train=10) == [[9, 3], [8, 2]]
    assert axes.get_legend_handles_labels()[1] == ["network"]
    assert axes.get_yscale() == "log"


def test_histories_of_several_fits_are_refused(axes):
    with pytest.raises(UserError, match="network has several rows for one place"):
        followed(axes)
    with pytest.raises(UserError, match="noise_std is no number that network was fitted at"):
        followed(axes, noise_std=0.1)


# --- whole figures ---


def legend_of(figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_one_legend_in_the_order_of_the_continuum_bounds_last():
    with plt.rc_context(RC):
        figure, (left, right) = plt.subplots(1, 2)
        first = {"methods": ["network"], "bounds": ["floor"]}
        drawn(left, x="n_train", where=HERE, **first)
        drawn(right, x="iteration", where=HERE | {"n_train": 10})
        legend_below(figure, None)
        assert legend_of(figure) == ["classical", "network", "floor"]
        plt.close(figure)


def test_a_figure_without_entries_has_no_legend():
    figure, _ = plt.subplots()
    legend_below(figure, None)
    assert not figure.legends
    plt.close(figure)


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_the_same_figure_is_the_same_bytes_without_a_date(suffix, start, monkeypatch):
    contents = []
    for date in ("0", "1000000000"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", date)
        with plt.rc_context(RC):
            figure, axes = plt.subplots()
            drawn(axes, x="n_train", where=HERE, x_scale="log", y_scale="log")
            legend_below(figure, None)
            contents.append(to_bytes(figure, suffix))
            plt.close(figure)
    assert contents[0] == contents[1]
    assert contents[0].startswith(start)
    for word in (b"Date", b"Software", b"Producer", b"Creator", b"Type 3", b"/Type3", b"dc:date"):
        assert word not in contents[0]


def test_a_figure_is_laid_out_once_however_many_files_it_is_written_as(monkeypatch):
    with plt.rc_context(RC):
        figure, axes = plt.subplots()
        drawn(axes, x="n_train", where=HERE)
        legend_below(figure, None)
        before = to_bytes(figure, "png")
        engine, calls = figure.get_layout_engine(), []
        execute = engine.execute
        monkeypatch.setattr(engine, "execute", lambda f: calls.append(execute(f)))
        lay_out(figure)
        assert to_bytes(figure, "png") == before
        to_bytes(figure, "svg")
        assert len(calls) == 1
        plt.close(figure)


def test_text_is_in_a_font_that_comes_with_matplotlib():
    """So that a figure has the same bytes on a machine with other fonts."""
    found = Path(font_manager.findfont(RC["font.family"], fallback_to_default=False))
    assert found.is_relative_to(Path(mpl.get_data_path()))
