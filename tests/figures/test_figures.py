"""The one style, and what each kind of panel shows of a small table."""

import dataclasses
import io
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
from matplotlib.ticker import MultipleLocator
from PIL import Image
from pydantic import ValidationError
from scipy import stats

from mbdl_repro import figures
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import Place
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.scale import AtMost, Scale
from mbdl_repro.figures import (
    dots,
    eigenvalues,
    emitters,
    history,
    images,
    lines,
    movies,
    roots,
    signals,
    spectrum,
    ticks,
    tiles,
    told_images,
    trajectory,
)
from mbdl_repro.figures.files import to_bytes
from mbdl_repro.figures.intervals import tones
from mbdl_repro.figures.layout import clashes, lay_out
from mbdl_repro.figures.names import Cell, wrapped
from mbdl_repro.figures.over import interval_over
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.style import COLOURS, LINES, MARKERS, RC, blend, row_styles

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
    for shade in others:  # on the line to white or to black, but for the rounding of each channel
        end = 255 if channels(shade).sum() > channels(pure).sum() else 0
        to_end, way = end - channels(pure), channels(shade) - channels(pure)
        share = way @ to_end / (to_end @ to_end)
        assert np.abs(way - share * to_end).max() <= 1 and 0 < share < 1
        assert lab(shade)[0] < 93, "it does not show on white"


def test_model_based_methods_part_in_grey_level_dash_and_marker():
    styles = styles_of(*[Family.MODEL_BASED] * 6).values()
    for a, b in itertools.pairwise(styles):
        assert abs(lab(a.colour)[0] - lab(b.colour)[0]) > 7, "neighbours in grey level"
    assert len({str(style.line) for style in styles}) == len({s.marker for s in styles}) == 6


def test_rows_that_carry_the_message_stand_before_the_others():
    style = styles_of(Family.UNFOLDED_OBJECTIVE)["row_0"]
    assert style.seen("row_0", None) is style
    front, behind = style.seen("row_0", ["row_0"]), style.seen("row_0", ["another"])
    assert front.colour == style.colour and lab(behind.colour)[0] > lab(style.colour)[0] + 15
    for word in ("linewidth", "zorder"):
        assert front.line_words[word] > behind.line_words[word]
    assert (behind.marker, behind.line) == (style.marker, style.line)


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
    tested = {"dots", "eigenvalues", "emitters", "history", "images", "lines", "movies"}
    tested |= {"roots", "signals", "spectrum", "told_images", "trajectory"}
    assert set(figures.panel_kinds()) == tested


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


def test_a_panel_stands_under_its_title(axes):
    spec = lines.Spec(title="A title", x="n_train", y="error", where=HERE)
    assert figures.draw_panel(axes, spec, sources()).get_text() == "A title"
    assert axes.get_title(loc="left") == "A title"


def test_labels_and_ranges(axes):
    keys = {"x_label": "pairs", "y_label": "loss", "y_range": [0.001, 0.5]}
    drawn(axes, x="n_train", where=HERE, **keys)
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


def points(line) -> list[tuple[float, float]]:
    """Return where a line has marks."""
    found = np.column_stack([np.asarray(line.get_xdata(), float), line.get_ydata()])
    return [(float(x), float(y)) for x, y in found[np.isfinite(found).all(1)]]


def dotted(axes, **keys):
    spec = dots.Spec(
        **{"title": "A title", "y": "error", "methods": ["network", "classical"]} | keys
    )
    dots.draw(axes, spec, sources())
    axes.figure.canvas.draw()
    return axes


def test_dots_lie_in_rows_from_top_to_bottom_with_their_intervals(axes):
    dotted(axes, where=HERE | {"n_train": 10})
    marks = [line for line in axes.get_lines() if line.get_marker() in MARKERS]
    assert [points(line) for line in marks] == [[(0.1, 0)], [(0.03, 1)]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["network", "classical"]
    bottom, top = axes.get_ylim()
    assert top < 0 < 1 < bottom, "the first row is on top"
    bars = [np.asarray(line.get_xdata(), float) for line in axes.get_lines() if line not in marks]
    ends = [(np.nanmin(x), np.nanmax(x)) for x in bars]
    np.testing.assert_allclose(
        [one for one in ends if one[0] < one[1]], [(0.09, 0.11), (0.02, 0.04)]
    )
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
    marks = [line for line in axes.get_lines() if line.get_gid() == "published"]
    return [(float(m.get_xdata()[0]), float(m.get_ydata()[0])) for m in marks]


def test_published_numbers_are_marked_where_they_belong(axes):
    known = dataclasses.replace(sources(), published=PUBLISHED)
    names = {"title": "A title", "y": "error", "printed": True}
    here = HERE | {"n_train": 100}
    dots.draw(axes, dots.Spec(methods=["network", "classical"], where=here, **names), known)
    assert printed_in(axes) == [(0.5, 0)]
    assert "published (hollow)" in axes.get_legend_handles_labels()[1]
    (mark,) = [line for line in axes.get_lines() if line.get_gid() == "published"]
    style = known.styles["network"]
    assert (mark.get_marker(), mark.get_markeredgecolor()) == (style.marker, style.colour)
    axes.clear()
    lines.draw(axes, lines.Spec(x="n_train", where=HERE, **names), known)
    assert printed_in(axes) == [(100, 0.5)]
    axes.clear()
    lines.draw(axes, lines.Spec(x="noise_std", where={"n_train": 100}, **names), known)
    assert sorted(printed_in(axes)) == [(0.1, 0.5), (0.5, 0.7)]


def test_shades_are_dots_one_below_the_other_in_the_row_of_their_method(axes):
    """The last is the row's own colour; a method that learns nothing has one dot."""
    dotted(axes, where=HERE, shades="n_train", bounds=[])
    drawn = [line for line in axes.get_lines() if line.get_marker() in MARKERS and points(line)]
    places = []
    for line in drawn:
        (point,) = points(line)
        x, y = axes.transData.inverted().transform(line.get_transform().transform(point))
        places.append((round(float(x), 6), round(float(y), 6)))
    assert places == [(0.1, -0.24), (0.01, 0.0), (0.001, 0.24), (0.03, 1.0)]
    styles = sources().styles
    assert drawn[2].get_color() == styles["network"].colour != drawn[0].get_color()
    assert drawn[3].get_color() == styles["classical"].colour
    names = [label for label in axes.get_legend_handles_labels()[1] if "n_train" in label]
    assert names == ["n_train 10", "n_train 100", "n_train 1000"]


def test_a_shade_is_the_same_value_in_rows_that_lack_others(axes):
    """A row with 100 alone has the middle tone of one with 10, 100 and 1000."""
    few = pd.DataFrame([row("classical", 0.03, n_train=100, noise_std=0.1)])
    table = pd.concat([TABLE[TABLE["method"] != "classical"], few])
    spec = dots.Spec(
        title="T", y="error", methods=["network", "classical"], where=HERE, shades="n_train"
    )
    dots.draw(axes, spec, dataclasses.replace(sources(), table=table))
    drawn = [line for line in axes.get_lines() if line.get_marker() in MARKERS and points(line)]
    styles = sources().styles
    share = tones(3)[1]
    assert drawn[1].get_color() == blend(styles["network"].colour, share)
    assert drawn[3].get_color() == blend(styles["classical"].colour, share)


def test_shades_leave_no_other_column_open_and_stand_alone(axes):
    with pytest.raises(UserError, match="network has several rows for one place"):
        dotted(axes, shades="n_train")
    with pytest.raises(ValidationError, match="shades: a row has several dots: leave out seeds"):
        dots.Spec(title="T", y="error", methods=["network"], shades="n_train", seeds=True)


def test_seeds_are_faint_dots_in_the_row_of_their_mean(axes):
    seeds = [{**row("classical", 0.0), "value": v} for v in (0.02, 0.04)]
    known = dataclasses.replace(sources(), seed_table=pd.DataFrame(seeds))
    where = HERE | {"n_train": 10}
    spec = dots.Spec(
        title="T", y="error", methods=["network", "classical"], where=where, seeds=True
    )
    dots.draw(axes, spec, known)
    faint = [tuple(map(float, xy)) for c in axes.collections for xy in c.get_offsets()]
    assert sorted(faint) == [(0.02, 1), (0.04, 1)]


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
    trajectory.draw(axes, spec, sources(**kept(spec, TRACK)))
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


RISING = np.tile(np.linspace(0.0, 0.8, 12), (3, 12, 1))
"""Images that brighten from left to right."""


def kept(spec, stored):
    """What is kept of each method's arrays for a panel."""
    return {name: spec.kept(arrays, name) for name, arrays in stored.items()}


def pictures(axes, **keys):
    """Draw a truth, and estimates that are off by a tenth or less."""
    s = RISING
    estimates = {"network": s + 0.1, "classical": s + 0.01}
    stored = {
        name: {"s_0": s, "x_0": s[:, ::2, ::2], "estimate_0": e} for name, e in estimates.items()
    }
    stored["network"]["kernel_0"] = np.eye(3)[None].repeat(3, 0)
    spec = images.Spec(**{"title": "An image", "methods": [*estimates]} | keys)
    images.draw(axes, spec, sources(**kept(spec, stored)))
    axes.figure.canvas.draw()
    return axes.get_images(), {text.get_text() for text in axes.texts}


def test_images_stand_side_by_side_on_one_grey_scale_over_their_psnr(axes):
    tiles, texts = pictures(axes)
    assert len(tiles) == 4
    assert {tile.get_clim() for tile in tiles} == {(0.0, 255.0)}
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
    stored = {"network": {"s_0": s, "x_0": np.ones((1, 1, 1, 7)), "estimate_0": s + 0.1}}
    spec = images.Spec(title="t", methods=["network"])
    images.draw(axes, spec, sources(**kept(spec, stored)))
    assert "7\N{NO-BREAK SPACE}numbers" in {text.get_text() for text in axes.texts}


def test_of_images_the_levels_that_a_screen_shows_are_kept(axes):
    """Drawn of grey values or of the levels that are kept of them, an image is the same."""
    shade = np.array([[-0.2, 0.0, 1 / 256 - 1e-9, 0.3, 0.5, 0.999, 1.0, 1.7, np.nan]])
    levels = images.grey_levels(shade)
    assert levels.dtype == np.uint8
    assert levels.tolist() == [[0, 0, 0, 76, 128, 255, 255, 255, 0]]
    rng = np.random.default_rng(5)
    image = rng.uniform(-0.2, 1.2, (40, 50))
    shown = []
    for array, white in ((image, 1.0), (images.grey_levels(image), tiles.WHITE)):
        axes.clear()
        tiles.draw_image(axes, 0, 0, array, white=white)
        axes.figure.canvas.draw()
        shown.append(np.asarray(axes.figure.canvas.buffer_rgba()).copy())
    np.testing.assert_array_equal(*shown)


def test_a_panel_of_images_keeps_levels_and_what_they_tell_no_more():
    noise = np.random.default_rng(6).normal(0, 0.05, RISING.shape)
    stored = {"s_0": RISING, "x_0": RISING[:, ::2, ::2], "estimate_0": RISING + noise}
    stored |= {"kernel_0": np.ones((3, 2, 2)), "s_1": RISING}
    plain = images.Spec(title="t", methods=["network"]).kept(stored, "network")
    assert plain.keys() == {"grey_s_0", "grey_x_0", "grey_estimate_0", "psnr_db_0"}
    assert {plain[name].dtype for name in plain if "grey" in name} == {np.dtype("uint8")}
    errors = (RISING + noise).clip(0, 1) - RISING
    np.testing.assert_allclose(
        plain["psnr_db_0"], -10 * np.log10((errors**2).mean((1, 2))), rtol=1e-6
    )
    assert images.Spec(title="t", methods=["network"], examples=[1, 0]).n_examples == 2
    more = images.Spec(title="t", methods=["network"], kernels=True).kept(stored, "network")
    assert more.keys() - plain.keys() == {"kernel_0"}


def test_wide_panels_have_a_row_of_their_own():
    from mbdl_repro.figures.grid import _blocks, _rows

    wide = images.Spec(title="t", methods=["a"])
    narrow = lines.Spec(title="t", x="a", y="b")
    rows = list(_rows([wide, narrow, narrow, narrow, wide, narrow], 2))
    assert [len(row) for row in rows] == [1, 2, 1, 1, 1]
    assert _blocks(rows) == [[0], [1], [2], [3], [4]]
    assert _blocks(rows[1:3]) == [[0, 1]]


# --- maps of emitters ---


def test_maps_stand_beside_the_truth_and_the_mean_frame_each_of_its_own_maximum(axes):
    s = np.zeros((2, 4, 4))
    s[:, 1, 2] = 3.0
    x = np.stack([np.full((2, 2, 2), 5.0), np.eye(2)[None].repeat(2, 0) * 10], axis=0)
    stored = {
        name: {"s_0": s, "x_0": x, "estimate_0": e}
        for name, e in {"network": 0.01 * s, "classical": 0 * s}.items()
    }
    spec = emitters.Spec(title="t", methods=["network", "classical"], examples=[0, 1])
    assert {array.dtype for array in spec.kept(stored["network"], "network").values()} == {
        np.dtype(np.uint8)
    }
    emitters.draw(axes, spec, sources(**kept(spec, stored)))
    tiles = [tile.get_array() for tile in axes.get_images()]
    assert len(tiles) == 8
    truth, other_truth, frame, other_frame, a, _, b, _ = tiles
    assert np.array_equal(truth, other_truth) and np.array_equal(truth, a)
    assert truth[1, 2] == 255 and truth.sum() == 255 and b.sum() == 0
    assert (frame == 255).all() and np.array_equal(other_frame, 255 * np.eye(2))
    assert {text.get_text() for text in axes.texts} == {
        "truth",
        "mean frame",
        "network",
        "classical",
    }
    one = emitters.Spec(title="t", methods=["a"])
    assert (one.n_examples, spec.n_examples) == (1, 2)
    assert spec.height(10.0) > 1.5 * one.height(10.0)


# --- movies ---


def test_a_frame_stands_above_the_power_of_all_each_up_to_the_truths_largest(axes):
    s = np.zeros((2, 4, 3, 3), dtype=complex)
    s[:, 1, 0, 0], s[:, 1, 2, 2] = 4j, 2.0  # in frame 1 alone
    x = np.full_like(s, 8.0)
    stored = {
        name: {"s_0": s, "x_0": x, "estimate_0": e}
        for name, e in {"network": 0.5 * s, "classical": 3j * s}.items()
    }
    spec = movies.Spec(title="t", methods=["network", "classical"], examples=[1], frame=1)
    movies.draw(axes, spec, sources(**kept(spec, stored)))
    tiles = [tile.get_array() for tile in axes.get_images()]
    assert len(tiles) == 8
    truth, power, seen, seen_power, half, half_power, thrice, _ = tiles
    assert (truth[0, 0], truth[2, 2], truth.sum()) == (255, 128, 383)
    assert np.array_equal(power, truth)  # half of it all, the root of a mean of four frames
    assert (seen == 255).all() and (seen_power == 255).all()
    assert (half[0, 0], half[2, 2]) == (128, 64) and np.array_equal(half_power, half)
    assert (thrice[0, 0], thrice[2, 2], thrice[1, 1]) == (255, 255, 0)
    assert [text.get_text() for text in axes.texts] == ["truth", "observed", "network", "classical"]
    beyond = movies.Spec(title="t", methods=["network"], frame=4)
    with pytest.raises(UserError, match="panel 't': frame is 4: movies have 4, counted from 0"):
        beyond.kept(stored["network"], "network")
    assert movies.Spec(title="t", methods=["a"], examples=[0, 1]).height(10.0) > 1.5 * spec.height(
        10.0
    )


# --- images that come with their kernel ---


def test_an_observation_shows_the_kernel_that_it_came_with(axes):
    s = np.linspace(0, 1, 64).reshape(1, 8, 8).repeat(2, 0)
    x = np.zeros((2, 4, 8, 8))
    x[:, 0], x[:, 2:] = 1 - s, 7.0
    x[0, 1, 4, 3:6] = [0.25, 0.5, 0.25]
    x[1, 1, 2:7, 4] = 0.2
    stored = {"network": {"s_0": s, "x_0": x, "estimate_0": s}}
    spec = told_images.Spec(title="t", methods=["network"], examples=[0, 1])
    told_images.draw(axes, spec, sources(**kept(spec, stored)))
    *tiles, short, long = (tile.get_array() for tile in axes.get_images())
    assert len(tiles) == 6
    truth, observed, estimate = tiles[:3]
    assert np.array_equal(truth, estimate) and observed[0, 0] == 255 and observed[-1, -1] == 0
    # Cut to what is there, and a pixel around it.
    assert np.array_equal(short, np.pad([[0.0] * 3, [0.25, 0.5, 0.25], [0.0] * 3], 1))
    assert long.shape == (7, 7) and np.count_nonzero(long) == 5
    places = [tile.get_extent() for tile in axes.get_images()][-2:]
    assert places[0][:2] == places[1][:2]  # both in the second column
    assert 1 < places[0][0] < places[0][1] < 2 and places[1][2] > places[0][2]


# --- signals ---

X, S = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[0.0, 0.5, 0.0, -1.0], [2.0, 0, 0, 0]])
EXAMPLES = {
    name: {"x_0": X, "s_0": S, "estimate_0": estimate}
    for name, estimate in (("classical", 0.9 * S), ("network", S + 0.1))
}


def shown(axes, **keys):
    spec = signals.Spec(title="A signal", **keys)
    signals.draw(axes, spec, sources(**kept(spec, EXAMPLES)))
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
    kind.draw(axes, spec, sources(**kept(spec, ARRAY)))
    return axes.get_lines()


def test_a_spectrum_is_in_decibels_below_its_peak(axes):
    *angles, line = of_trial(axes, spectrum, floor_db=-30.0)
    assert [round(float(a.get_xdata()[0]), 4) for a in angles] == [-30, 10]
    np.testing.assert_allclose(line.get_xdata(), [-90, 0, 89], rtol=1e-6)
    np.testing.assert_allclose(line.get_ydata(), [-20, -10, 0], atol=1e-12)
    assert axes.get_ylim()[0] == -30
    axes.clear()
    *_, line = of_trial(axes, spectrum, example=1)
    np.testing.assert_allclose(line.get_ydata(), [0, -3.0103, -6.0206], rtol=1e-4, atol=1e-12)


def test_eigenvalues_are_over_the_largest(axes):
    split, line = of_trial(axes, eigenvalues)
    assert list(split.get_xdata()) == [2.5, 2.5], "after as many as there are sources"
    np.testing.assert_allclose(line.get_ydata(), [0, -3.0103, -10], rtol=1e-4)


def polar(line) -> list[tuple[float, float]]:
    """Return where a line's points are: degrees right of above, and the radius."""
    x, y = line.get_xdata(), line.get_ydata()
    return list(zip(np.rad2deg(np.arctan2(x, y)), np.hypot(x, y), strict=True))


def test_roots_that_were_taken_for_sources_are_filled(axes):
    *_, first, second, left, taken = of_trial(axes, roots, example=1)
    for line, angle in ((first, 20), (second, 40)):
        np.testing.assert_allclose(polar(line), [[0, 0], [angle, 1]], rtol=1e-6)
    np.testing.assert_allclose(polar(taken), [[19, 0.9], [41, 0.95]], rtol=1e-6)
    np.testing.assert_allclose(polar(left), [[5, 0.4]], rtol=1e-6)
    assert left.get_markerfacecolor() == "none" != taken.get_markerfacecolor()
    words = {text.get_text() for text in axes.texts}
    assert words == {"−90°", "−60°", "−30°", "0°", "30°", "60°", "90°", "0", "0.5", "1"}


def test_a_method_that_stores_no_such_thing_is_named(axes):
    few = {"classical": {name: ARRAY["classical"][name] for name in ("s_1", "estimate_1")}}
    spec = spectrum.Spec(title="A trial", methods=["classical"], place=1)
    with pytest.raises(UserError, match="classical stores no spectrum; it has estimate, s"):
        spec.kept(few["classical"], "classical")


OF_ONE_TRIAL = [
    (eigenvalues, {}, {"s", "eigenvalues"}),
    (roots, {}, {"s", "estimate", "root_rad", "root_radius"}),
    (spectrum, {}, {"s", "spectrum", "grid_rad"}),
    (signals, {"show": "observation"}, {"x"}),
    (signals, {"show": "target"}, {"s"}),
    (signals, {"show": "estimates"}, {"s", "estimate"}),
    (trajectory, {}, {"s", "estimate"}),
    (trajectory, {"observation": 1}, {"s", "estimate", "x"}),
]


@pytest.mark.parametrize(("kind", "keys", "names"), OF_ONE_TRIAL)
def test_a_panel_keeps_what_it_reads_in_single_precision(kind, keys, names):
    every = set().union(*(of_one for _, _, of_one in OF_ONE_TRIAL))
    stored = {f"{name}_{place}": np.ones((3, 4)) / 3 for name in every for place in (0, 2)}
    spec = kind.Spec(title="t", methods=["network"], place=2, example=1, **keys)
    assert spec.n_examples == 2
    found = spec.kept(stored | {"x_2": np.ones((3, 4)) * 1j}, "network")
    assert found.keys() == {f"{name}_2" for name in names}
    for name, array in found.items():
        assert array.dtype == (np.complex64 if name == "x_2" else np.float32), name


# --- training histories ---

HISTORY = pd.DataFrame(
    {
        "method": ["network"] * 6 + ["other"],
        "path": ["straight"] * 7,
        "n_train": [10] * 4 + [100] * 2 + [10],
        "seed": [0, 0, 1, 1, 0, 0, 0],
        "settings": [np.nan] * 7,
        "step": [0, 50, 0, 50, 0, 50, 0],
        "train_loss": [np.nan, 4, np.nan, 3, np.nan, 2, np.nan],
        "validation_loss": [9.0, 3, 8, 2, 9, 1, 7],
    }
)


def followed(axes, **where):
    spec = history.Spec(title="A history", methods=["network"], where=where)
    history.draw(axes, spec, dataclasses.replace(sources(), histories=HISTORY))
    return [list(line.get_ydata()) for line in axes.get_lines()]


def test_a_history_is_a_line_a_seed_once_in_the_legend(axes):
    assert followed(axes, n_train=10, path="straight") == [[9, 3], [8, 2]]
    assert axes.get_legend_handles_labels()[1] == ["network"]
    assert axes.get_yscale() == "log"


def test_histories_of_several_fits_are_refused(axes):
    with pytest.raises(UserError, match="network has several rows for one place"):
        followed(axes)
    words = "noise_std is nothing that network was fitted at; allowed are path, n_train$"
    with pytest.raises(UserError, match=words):
        followed(axes, noise_std=0.1)


def test_no_fit_at_a_point_is_no_line(axes):
    assert followed(axes, n_train=11, path="straight") == []


# --- ratios, paired by seed ---


def seed_row(method: str, seed: int, value: float, **where) -> dict:
    """Of a seed; places stand before the method, as in the tables that are kept."""
    place = {"noise_std": 0.1, "n_train": 0} | where
    rest = {"method": method, "seed": seed, "iteration": np.nan, "metric": "error"}
    rest |= {key: place.pop(key) for key in ("iteration",) if key in place}
    return place | rest | {"value": value}


SEEDS = pd.DataFrame(
    [seed_row("classical", s, 1.0 + s) for s in range(3)]
    + [seed_row("network", s, (1.0 + s) / n, n_train=n) for n in (10, 100) for s in range(3)]
    + [seed_row("floor", s, 0.1 * (1.0 + s)) for s in range(3)]
)


def over(axes, kind=lines, table=SEEDS, label="squared error", **keys):
    known = dataclasses.replace(sources(), seed_table=table, labels={"error": label})
    spec = kind.Spec(**{"title": "A ratio", "y": "error", "over": "classical"} | keys)
    kind.draw(axes, spec, known)
    return {line.get_label(): line for line in axes.get_lines()}


def test_ratios_are_taken_seed_by_seed_and_a_level_stands_beside_every_place(axes):
    """Seeds differ by a factor of 3, which leaves nothing in a ratio."""
    found = over(axes, x="n_train")
    assert points(found["network"]) == [(10, pytest.approx(-10)), (100, pytest.approx(-20))]
    assert set(np.round(found["classical"].get_ydata(), 12)) == {0}
    assert set(np.round(found["floor"].get_ydata(), 12)) == {-10}
    assert axes.get_ylabel() == "squared error, over that of classical (dB)"


def test_a_learned_reference_has_each_place_its_own(axes):
    found = over(axes, x="n_train", over="network")
    assert points(found["classical"]) == [(10, pytest.approx(10)), (100, pytest.approx(20))]


@pytest.mark.parametrize(
    ("label", "ratio", "axis"),
    [
        ("RMSPE (rad)", -20.0, "RMSPE, over that of classical (dB)"),
        ("PSNR (dB)", -0.9 * 2, "PSNR, less that of classical (dB)"),
        ("SSIM", -0.9 * 2, "SSIM, less that of classical"),
    ],
)
def test_roots_count_twice_and_what_is_in_decibels_is_subtracted(axes, label, ratio, axis):
    over(axes, dots, label=label, methods=["network"], where={"n_train": 10}, bounds=[])
    (mark,) = [line for line in axes.get_lines() if line.get_marker() in MARKERS]
    assert points(mark) == [(pytest.approx(ratio), 0)]
    assert axes.get_xlabel() == axis


def test_decibels_are_averaged_as_the_ratios_that_they_stand_for():
    """Against a closed form: of two seeds, d = v / m - v' / m' are ± some number."""
    own, reference = np.array([10.0, 1.0]), np.array([2.0, 1.0])
    middle = 10 * np.log10(11 / 3)
    half = stats.t.ppf(0.975, 1) * abs(10 / 5.5 - 2 / 1.5) * 10 / np.log(10)
    expected = (middle, middle - half, middle + half)
    found = interval_over(10 * np.log10(own), 10 * np.log10(reference), "decibels")
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(interval_over(own, reference, "square"), expected)
    roots = interval_over(np.sqrt([4.0, 4.0]), np.sqrt([1.0, 1.0]), "root")
    np.testing.assert_allclose(roots, [20 * np.log10(2)] * 3)


def test_iterates_are_compared_with_iterates_or_else_with_the_answer(axes):
    steps = [seed_row("ista", s, 8.0 / 2**k, iteration=k) for k in (0, 1, 2) for s in range(2)]
    steps += [seed_row("ista", s, 1.0) for s in range(2)]
    answers = [seed_row("exact", s, 2.0) for s in range(2)]
    table = pd.DataFrame(steps + answers)
    styles = row_styles(dict.fromkeys(("ista", "exact"), Family.MODEL_BASED), {})
    known = Sources(TABLE, {}, styles, {}, seed_table=table)
    found = known.rows_over("ista", "error", {}, "exact").set_index("iteration")["mean"]
    np.testing.assert_allclose(found[[0, 1, 2]], 10 * np.log10([4, 2, 1]))
    np.testing.assert_allclose(found[np.nan], -10 * np.log10(2))
    back = known.rows_over("exact", "error", {}, "ista").set_index("iteration")["mean"]
    np.testing.assert_allclose(back[[0, 1, 2]], -10 * np.log10([4, 2, 1]))
    itself = known.rows_over("ista", "error", {}, "ista")
    assert len(itself) == 4 and (itself["mean"] == 0).all()


@pytest.mark.parametrize(
    ("kind", "keys"),
    [(lines, {"x": "n_train", "y_scale": "log"}), (dots, {"methods": ["a"], "seeds": True})],
)
def test_ratios_take_no_scale_of_the_metric(kind, keys):
    words = f"ratios are in dB already: leave out {[*keys][-1]}"
    with pytest.raises(ValueError, match=words):
        kind.Spec(title="t", y="error", over="classical", **keys)


def test_a_published_number_is_shown_over_our_reference(axes):
    known = dataclasses.replace(sources(), seed_table=SEEDS, published=PUBLISHED)
    spec = lines.Spec(title="t", y="error", x="n_train", over="classical", printed=True, where=HERE)
    lines.draw(axes, spec, known)
    assert printed_in(axes) == [(100, pytest.approx(10 * np.log10(0.5 / 0.03)))]


# --- whole figures ---


def laid_out(*panels: dict) -> plt.Figure:
    """Return a row of panels of lines, with their names in their places."""
    figure, row = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3), squeeze=False)
    cells = []
    for axes, keys in zip(row[0], panels, strict=True):
        spec = lines.Spec(title="A title", y="error", **keys)
        cells.append(Cell(axes, spec, 4.0, figures.draw_panel(axes, spec, sources())))
    lay_out(figure, [cells])
    return figure


ALONG = {"x": "n_train", "where": HERE, "y_scale": "log"}


def beside(axes) -> list[str]:
    """Return the names beside a panel, from the highest down."""
    placed = sorted(axes.texts, key=lambda text: -text.get_window_extent().y0)
    return [text.get_text().replace("\n", " ") for text in placed]


def test_names_stand_in_the_order_of_the_ends_of_lines():
    with plt.rc_context(RC):
        figure = laid_out(ALONG)
        assert beside(figure.axes[0]) == ["classical", "floor", "network"]
        assert not clashes(figure)
        plt.close(figure)


@pytest.mark.parametrize(
    ("words", "letters", "lines"),
    [
        ("recurrent network on differences", 24, ["recurrent network", "on differences"]),
        ("Kalman filter, F = 0.5, V tuned", 27, ["Kalman filter,", "F = 0.5, V tuned"]),
        ("Toeplitz SubspaceNet + Root-MUSIC", 24, ["Toeplitz SubspaceNet", "+ Root-MUSIC"]),
        ("fully connected (135 500)", 18, ["fully connected", "(135 500)"]),
        ("expectation-maximization of V", 5, ["expectation-maximization", "of V"]),
        ("a b", 1, ["a b"]),
        ("$x = 2$ of many words", 5, ["$x = 2$ of many words"]),
        ("", 5, [""]),
    ],
)
def test_lines_of_a_name_are_few_and_about_as_long_as_each_other(words, letters, lines):
    assert wrapped(words, letters).replace("\N{NO-BREAK SPACE}", " ").split("\n") == lines


def numbers(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


@pytest.mark.parametrize(
    ("inches", "shown"),
    [(6.0, ["2", "5", "10", "20", "50", "100"]), (1.6, ["2", "5", "10", "", "", "100"])],
)
def test_powers_of_ten_keep_their_numbers_where_there_is_little_room(inches, shown):
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(inches, 2))
        axes.plot([2, 100], [0, 1])
        axes.set_xscale("log")
        ticks.ticks_at(axes.xaxis, [2, 5, 10, 20, 50, 100])
        figure.draw_without_rendering()
        ticks.thin_out(axes.xaxis)
        assert numbers(axes) == shown
        plt.close(figure)


def test_ticks_that_are_thinned_out_are_those_of_the_range_of_now():
    """What an axis showed before it was given its place leaves no tick behind."""
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(2, 2))
        axes.set_xlim(0, 1)
        figure.draw_without_rendering()
        axes.set_xlim(-7.3, -6.2)
        axes.xaxis.set_major_locator(MultipleLocator(0.1))
        ticks.thin_out(axes.xaxis)
        np.testing.assert_allclose(np.diff(axes.get_xticks()), 0.1)
        assert "" in numbers(axes) and axes.get_xlim() == (-7.3, -6.2)
        plt.close(figure)


def test_ticks_stand_at_steps_of_one_two_or_five(axes):
    for high in np.linspace(7, 71, 60):
        axes.set_xlim(0, high)
        ticks.round_ticks(axes)
        step = np.diff(axes.get_xticks())[0]
        assert round(step / 10 ** np.floor(np.log10(step)), 6) in (1, 2, 5)


def test_the_last_panel_of_a_row_speaks_for_the_others_and_each_for_the_rest():
    with plt.rc_context(RC):
        figure = laid_out(ALONG, ALONG | {"bounds": []})
        left, right = figure.axes
        assert beside(right) == ["classical", "network"] and not left.texts
        assert [text.get_text() for text in left.get_legend().get_texts()] == ["floor"]
        assert right.get_legend() is None and not clashes(figure)
        plt.close(figure)


def test_words_that_are_too_long_are_broken_and_what_cannot_be_is_told():
    with plt.rc_context(RC):
        figure = laid_out(ALONG | {"x_label": "a label of more words than there is room " * 3})
        assert "\n" in figure.axes[0].get_xlabel()
        assert not clashes(figure)
        figure.axes[0].text(0.5, 0.5, "one", transform=figure.axes[0].transAxes)
        figure.axes[0].text(0.5, 0.5, "two", transform=figure.axes[0].transAxes)
        figure.text(0.99, 0.5, "outside")
        assert clashes(figure) == ["'outside' leaves the canvas", "'one' overlaps 'two'"]
        plt.close(figure)


def test_a_figure_without_entries_has_no_legend():
    with plt.rc_context(RC):
        figure = laid_out({"x": "n_train", "where": {"noise_std": 0.7}})
        assert figure.axes[0].get_legend() is None and not figure.axes[0].texts
        plt.close(figure)


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_the_same_figure_is_the_same_bytes_without_a_date(suffix, start, monkeypatch):
    contents = []
    for date in ("0", "1000000000"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", date)
        with plt.rc_context(RC):
            figure = laid_out(ALONG | {"x_scale": "log"})
            contents.append(to_bytes(figure, suffix))
            plt.close(figure)
    assert contents[0] == contents[1]
    assert contents[0].startswith(start)
    for word in (b"Date", b"Software", b"Producer", b"Creator", b"Type 3", b"/Type3", b"dc:date"):
        assert word not in contents[0]


def test_a_figure_is_laid_out_once_however_many_files_it_is_written_as():
    with plt.rc_context(RC):
        figure = laid_out(ALONG)
        assert figure.get_layout_engine() is None
        before = to_bytes(figure, "png")
        to_bytes(figure, "svg")
        assert to_bytes(figure, "png") == before
        plt.close(figure)


def test_a_picture_has_256_colours_and_looks_the_same():
    """Bands over one another over shades of grey, and a frame of few pixels."""
    with plt.rc_context(RC):
        figure, axes = plt.subplots()
        pictures(axes, zoom=(0, 4, 6))
        for i, style in enumerate(styles_of(*Family).values()):
            axes.fill_between([0, 5], i / 9, 4 - i / 7, color=style.colour, alpha=0.2)
            axes.plot([0, 5], [i / 9, 3], color=style.colour)
        content, whole = to_bytes(figure, "png"), io.BytesIO()
        figure.savefig(whole, format="png")
        plt.close(figure)
    picture, full = Image.open(io.BytesIO(content)), Image.open(whole)
    assert picture.mode == "P" and picture.info["dpi"] == full.info["dpi"]
    pixels, expected = (np.asarray(one.convert("RGB")).astype(int) for one in (picture, full))
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 1000
    differences = np.abs(pixels - expected).max(-1)
    assert differences.max() <= 25 and differences.mean() < 1
    assert len(content) < 0.5 * len(whole.getvalue())


def test_text_is_in_a_font_that_comes_with_matplotlib():
    """So that a figure has the same bytes on a machine with other fonts."""
    found = Path(font_manager.findfont(RC["font.family"], fallback_to_default=False))
    assert found.is_relative_to(Path(mpl.get_data_path()))
