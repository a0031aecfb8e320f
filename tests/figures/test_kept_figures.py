"""Each figure, drawn from the table that is kept: what a reader, and a grey printer, make of it."""

import itertools
import re
from functools import cache
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import pytest
from matplotlib import colors
from matplotlib import pyplot as plt

from mbdl_repro.experiments import reading
from mbdl_repro.figures import grid
from mbdl_repro.figures.layout import clashes
from mbdl_repro.figures.names import ENTRIES, entries
from mbdl_repro.figures.style import STYLES
from mbdl_repro.pipeline.stages import draw
from mbdl_repro.store.paths import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def at_root():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield
    figure_of.cache_clear()


def names() -> list[str]:
    folder = ROOT / reading.EXPERIMENTS
    return sorted(path.stem for path in folder.glob("*.yaml"))


def of(name: str):
    scale = reading.load_scale("full")
    experiment = reading.load(name, scale)
    return experiment, draw.read_sources(experiment, Store.of(scale))


@cache
def figure_of(name: str):
    """Draw a figure once for all tests."""
    experiment, sources = of(name)
    with plt.rc_context(STYLES["paper"]):
        figure = grid.figure_of(experiment.panels, experiment.figure.columns, sources)
    plt.close(figure)  # of pyplot's list: it can still be drawn
    return figure


@pytest.mark.parametrize("name", names())
def test_no_words_overlap_and_none_leave_the_canvas(name):
    with plt.rc_context(STYLES["paper"]):
        assert clashes(figure_of(name)) == []


def lightness(colour) -> float:
    """Return CIE L* of a colour, from 0 (black) to 100 (white), as a grey printer keeps it."""
    c = np.array(colors.to_rgb(colour))
    linear = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * y ** (1 / 3) - 16 if y > (6 / 29) ** 3 else 903.3 * y


def dashes(line) -> str:
    return str(getattr(line, "mbdl_dashes", line.get_linestyle()))


@pytest.mark.parametrize("name", names())
def test_in_grey_no_two_lines_of_a_panel_are_the_same(name):
    for axes in figure_of(name).axes:
        lines = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
        for one, other in itertools.combinations(lines, 2):
            alike = abs(lightness(one.get_color()) - lightness(other.get_color())) < 5
            alike &= str(one.get_marker()) == str(other.get_marker())
            alike &= one.get_markerfacecolor() != "none" != other.get_markerfacecolor()
            alike &= dashes(one) == dashes(other)
            assert not alike, f"{axes.get_title('left')}: {one.get_label()}, {other.get_label()}"


@pytest.mark.parametrize("name", names())
def test_a_panel_has_ten_names_at_most_and_says_what_its_axes_are(name):
    for axes in figure_of(name).axes:
        title = axes.get_title("left").replace("\n", " ")
        assert len(entries(axes)) <= ENTRIES, f"{title}: small multiples tell more"
        for label in (axes.get_xlabel(), axes.get_ylabel()):
            assert not re.search(r"[a-z]_[a-z]", label), f"{title}: {label} is a name of the code"


def test_panels_of_the_same_methods_name_them_and_their_bounds_once():
    left, right = figure_of("doa_phases").axes
    shown = [[label.get_visible() for label in axes.get_yticklabels()] for axes in (left, right)]
    assert all(shown[0]) and not any(shown[1])
    assert [axes.get_legend() is None for axes in (left, right)] == [True, False]


@pytest.mark.parametrize("name", ["3.09_music", "5.01_linear_estimation", "5.4_plug_and_play"])
def test_a_figure_has_the_same_bytes_whenever_it_is_drawn(name):
    experiment, sources = of(name)
    one, other = (
        draw.drawn(experiment.panels, experiment.figure, sources, ("png",)) for _ in range(2)
    )
    assert one == other


def test_a_panel_for_a_slide_has_room_for_its_words():
    experiment, sources = of("5.06_lista")
    with plt.rc_context(STYLES["talk"]):
        figure = grid.figure_of(experiment.panels[:1], 1, sources)
        assert clashes(figure) == []
        sizes = {text.get_fontsize() for text in figure.axes[0].texts}
        assert min(sizes) > 12
        plt.close(figure)
