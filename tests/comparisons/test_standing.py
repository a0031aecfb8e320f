"""Who meets in which state of knowledge, and what each is over: by hand on a made-up experiment."""

import numpy as np
import pytest
from comparisons.tiny import ERRORS, TEXT, experiment, rows_of, sources

from mbdl_repro.comparisons.sources import summed_up
from mbdl_repro.comparisons.standing import excess, meetings, standings
from mbdl_repro.errors import UserError


@pytest.fixture
def tiny(tmp_path):
    return experiment(tmp_path)


def test_a_role_is_a_meeting_for_each_state_of_knowledge(tiny):
    right, wrong = meetings({"tiny": tiny})
    assert [right.condition, wrong.condition] == ["right", "wrong noise"]
    assert right.kind == "square" and right.bound == "minimum_mean_squared_error"
    assert right.families["mmse"].title == "model-based"
    assert list(right.families) == right.panel.methods


def test_who_is_told_what_others_believe_wrongly_is_left_out(tiny):
    _, wrong = meetings({"tiny": tiny})
    assert list(wrong.families) == ["mmse_off", "generative_off", "discriminative", "black_box"]


def test_what_a_belief_holds(tiny):
    right, wrong = meetings({"tiny": tiny})
    assert {label: right.knowledge(label) for label in right.families} == {
        "mmse": "all",
        "steps": "all",
        "generative": "structure",
        "discriminative": "structure",
        "scales": "all",
        "network": "all",
        "black_box": "nothing",
    }
    assert wrong.knowledge("mmse_off") == wrong.knowledge("generative_off") == "wrong"
    assert wrong.wrong("generative_off") == {"noise_std"}


def test_a_belief_is_wrong_where_the_truth_of_its_panel_is_another(tmp_path):
    """What methods believe of a swept field is compared with its value in the panel."""
    text = TEXT.replace("sweep: {", "sweep: {noise_std: [0.5, 1.0], ")
    for title, std in (("right", 0.5), ("wrong", 1.0)):
        place = f"title: It is {title}, where: {{noise_std: {std}}},"
        text = text.replace(f"title: It is {title},", place)
    right, at_one = meetings({"tiny": experiment(tmp_path, text)})
    assert right.knowledge("mmse_off") == "wrong"
    assert at_one.knowledge("mmse_off") == "all"
    assert "mmse" in at_one.families


def test_the_bound_of_the_same_seed_stands_beside_each_value(tiny):
    bounds = {("minimum_mean_squared_error", 0): [1.0, 2.0, 3.0]}
    table = standings({"tiny": tiny}, {"tiny": rows_of({**ERRORS, **bounds})})
    assert (table["bound"] == table["seed"] + 1).all()
    there = table[(table["method"] == "black_box") & (table["condition"] == "right")]
    assert there.groupby("n_train")["value"].apply(list)[100] == [20.0, 10.0, 15.0]
    assert not table.duplicated(["condition", "method", "n_train", "seed"]).any()


def test_of_what_is_better_the_larger_it_is_the_negative_is_the_error(tmp_path):
    text = TEXT.replace("wrong noise: It is wrong}}", "w: It is wrong}, higher_is_better: true}")
    with pytest.raises(UserError, match="higher_is_better: squared_error compares by ratios"):
        experiment(tmp_path, text)
    # In dB, the better has the smaller error: 30 dB are 3 dB under 27 dB.
    assert excess(-30.0, -27.0, "decibels") == excess(-30.0, -27.0, "difference") == -3.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("right: It is right", "right: It is rihgt", "did you mean It is right"),
        (
            "wrong noise: It is wrong}",
            "wrong noise: It is wrong}, bound: mmsee",
            "did you mean mmse",
        ),
        ("{example: tiny,", "{exampel: tiny,", "did you mean example"),
    ],
)
def test_mistakes_in_a_role_are_told(tmp_path, old, new, message):
    with pytest.raises(UserError, match=r"roles\.0") as caught:
        experiment(tmp_path, TEXT.replace(old, new))
    assert message in str(caught.value)


def test_both_excesses_are_ratios_of_means_over_the_same_seeds(tmp_path):
    found = summed_up(sources(tmp_path).methods, ["condition", "method", "n_train"])
    found = found.set_index(["condition", "method", "n_train"])
    for (method, n), errors in ERRORS.items():
        if ("right", method, n) in found.index:
            one = found.loc["right", method, n]
            baseline, bound = (
                np.mean(ERRORS[name, 0]) for name in ("mmse", "minimum_mean_squared_error")
            )
            assert one["over_baseline"] == pytest.approx(10 * np.log10(np.mean(errors) / baseline))
            assert one["over_bound"] == pytest.approx(10 * np.log10(np.mean(errors) / bound))
    # Twice the baseline in each seed, so that nothing is random: no interval.
    twice = found.loc["right", "network", 10]
    assert (
        twice["over_baseline_low"] == twice["over_baseline_high"] == pytest.approx(10 * np.log10(2))
    )
