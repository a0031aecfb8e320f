"""At a scale that runs few places, every panel of a figure shows what there is, and nobody less."""

import numpy as np
import pandas as pd
import pytest
from experiments.texts import ROOT, edited, load
from matplotlib import pyplot as plt

from mbdl_repro.contract.family import Family
from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.places import spread
from mbdl_repro.experiments.scale import AtMost, Scale, at_scale
from mbdl_repro.figures import dots, draw_panel
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.style import row_styles


def small(folder, text, **caps) -> Experiment:
    return load(folder, text, Scale("small", "a little", "r", "f", AtMost(**caps)))


def with_panels(*panels: str, sweep: str = "{noise_std: [1, 2, 3, 4, 5], n_train: [10, 20, 30]}"):
    """Return an experiment with these panels, tested at five values of another field."""
    text = edited("  noise_std: [0.1, 0.2]\n  n_train: [10, 20]\n", f"  {sweep}\n")
    text = edited("seeds: 6", "seeds: 6\ntest_sweep: {nonzero_std: [1, 2, 3, 4, 5]}", text)
    head = text[: text.index("    - kind: lines")]
    return head + "".join(f"    - {{{panel}}}\n" for panel in panels)


ALONG = "kind: lines, title: L, y: squared_error, x: noise_std"
SIGNALS = "kind: signals, title: S, show: estimates"


def test_values_that_a_panel_is_at_are_kept_before_the_ends(tmp_path):
    text = with_panels(f"{ALONG}, where: {{n_train: 20, test_nonzero_std: 3}}")
    few = small(tmp_path, text, values_per_sweep=2)
    assert few.points == [{"noise_std": 1.0}, {"noise_std": 5.0}]
    assert distinct(n for _, n in few.runs) == [10, 20]
    assert [point["nonzero_std"] for point in few.test_points] == [1.0, 3.0]


def test_panels_at_more_values_than_are_allowed_keep_them_all(tmp_path):
    where = "where: {n_train: 30, test_nonzero_std: %d}"
    text = with_panels(*(f"{ALONG}, {where % value}" for value in (2, 3, 4)))
    few = small(tmp_path, text, values_per_sweep=2)
    assert [point["nonzero_std"] for point in few.test_points] == [2.0, 3.0, 4.0]
    assert len(few.points) == 2


@pytest.mark.parametrize(("label", "runs"), [("lista", 3), ("ista", 1)])
def test_examples_are_shown_of_the_place_that_the_file_names(tmp_path, label, runs):
    """Place 5·runs·i + 5·j + k is the i-th point, the j-th size, and the k-th test point."""
    place = 5 * runs * 3 + 5 * (runs - 1) + 2
    text = with_panels(f"{SIGNALS}, methods: [{label}], place: {place}")
    few = small(tmp_path, text, values_per_sweep=2, n_train=25)
    (panel,) = few.panels
    fits = [s for s in few.scorings(label) if s[0].seeds[0] == 0]
    fit, test_point = fits[panel.place]
    assert (fit.point, test_point) == ({"noise_std": 4.0}, {"nonzero_std": 3.0})
    assert fit.n_train == (25 if label == "lista" else 0)
    assert len(few.points) == 2 and len(few.test_points) == 2


def test_a_method_that_has_fewer_places_is_not_asked_for_one_that_it_has_not(tmp_path):
    text = with_panels(f"{SIGNALS}, methods: [lista, ista], place: 24")
    (panel,) = small(tmp_path, text, values_per_sweep=2).panels
    assert panel.place == 3  # of the four of ista, that are two points, each tested at two


def test_a_panel_at_a_size_that_is_capped_shows_the_one_that_is_run_and_says_so(tmp_path):
    text = with_panels(f"{ALONG}, where: {{n_train: 30, test_nonzero_std: 3}}")
    (panel,) = small(tmp_path, text, n_train=25).panels
    assert panel.where == {"n_train": 25, "test_nonzero_std": 3}
    assert panel.title == "L\n(here n_train = 25)"
    assert small(tmp_path, text, n_train=30).panels == load(tmp_path, text).panels


def test_a_panel_of_one_block_of_a_sweep_keeps_a_place_of_it(tmp_path):
    blocks = "[{noise_std: [1, 2, 3], n_train: [10]}, {nonzero_std: [1, 2, 3], n_train: [10]}]"
    text = edited("  noise_std: [0.1, 0.2]\n  n_train: [10, 20]\n", f"  {blocks}\n")
    panels = [f"{ALONG}, where: {{nonzero_std: 0.5}}", f"{ALONG}, where: {{noise_std: 0.3}}"]
    panels[1] = panels[1].replace("x: noise_std", "x: nonzero_std")
    head = text[: text.index("    - kind: lines")]
    few = small(tmp_path, head + "".join(f"    - {{{p}}}\n" for p in panels), values_per_sweep=2)
    assert [tuple(point.values()) for point in few.points] == [(1.0, 0.5), (0.3, 1.0)]


@pytest.mark.parametrize(
    ("most", "kept"),
    [(None, [1, 2, 3, 4]), (1, [3]), (2, [1, 4]), (3, [1, 3, 4]), (4, [1, 2, 3, 4])],
)
def test_values_are_spread_from_the_first_to_the_last(most, kept):
    assert spread([1, 2, 3, 4], most) == kept


# --- the experiments that there are ---


def shipped():
    return sorted(path.stem for path in (ROOT / reading.EXPERIMENTS).glob("*.yaml"))


@pytest.mark.no_cover  # as others of all there is: see conftest.py
@pytest.mark.parametrize("name", shipped())
def test_the_smoke_figure_shows_all_that_the_full_one_shows(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(dots, "draw_dots", plain_dots)
    full = reading.load(name, reading.load_scale("full"))
    smoke = at_scale(full, reading.load_scale("smoke"))
    assert len(smoke.panels) == len(full.panels)
    of_full, of_smoke = sources_of(full), sources_of(smoke)
    for there, here in zip(full.panels, smoke.panels, strict=True):
        assert drawn(smoke, here, of_smoke) == drawn(full, there, of_full), here.title


def plain_dots(axes, names, columns, white, seeds, styles) -> None:
    """Stand for the dots and intervals of each row, which take seaborn ten times as long."""
    for row, name in enumerate(names):
        axes.plot(columns[name][0], [row] * len(white[name]), "o")


def drawn(experiment: Experiment, panel, sources: Sources) -> object:
    """Return which methods and bounds a panel shows something of, in a table of ones."""
    if panel.reads == "examples":
        return [label for label in panel.methods if panel.place < experiment.n_places(label)]
    if panel.reads == "history":
        return panel.methods
    figure, axes = plt.subplots()
    draw_panel(axes, panel, sources)
    drawn_lines = [line for line in axes.get_lines() if len(line.get_xdata())]
    lines = {line.get_label() for line in drawn_lines}
    marked = [line for line in drawn_lines if line.get_marker() not in (None, "None", "")]
    rows = {line.get_ydata()[0] for line in marked if panel.names_left}  # of fewer shades
    plt.close(figure)
    return {label for label in lines if not label.startswith("_")}, rows


def sources_of(experiment: Experiment) -> Sources:
    rows = [row for label in experiment.legends for row in rows_of(experiment, label)]
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    styles = row_styles(families | dict.fromkeys(experiment.bounds, Family.BOUND), {})
    table = pd.DataFrame(rows).assign(mean=1.0, ci_low=0.9, ci_high=1.1)
    return Sources(table, {}, styles, {}, table.assign(value=1.0, seed=0))


def rows_of(experiment: Experiment, label: str):
    """Yield the place, the iteration and the metric of each row of the table."""
    metrics = experiment.metrics
    if label in experiment.bounds:
        metrics = experiment.bounded(label)
    learns = experiment.uses_n_train(label)
    for place in distinct(p if learns else {**p, "n_train": 0} for p in experiment.places):
        for iteration in (*experiment.recorded(label), np.nan):
            for metric in metrics:
                yield {**place, "method": label, "iteration": iteration, "metric": metric}
