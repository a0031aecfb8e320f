"""Kept methods answer as the tables say that they did, from wherever Python runs."""

import numpy as np
import pandas as pd
import pytest
from contract.instances import built, every_method, pairs

import mbdl_repro as mbdl
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading
from mbdl_repro.face.estimating import observed


@pytest.mark.parametrize(("label", "n_train"), [("lista", 10000), ("ista", 0)])
def test_a_loaded_method_has_the_error_that_the_rows_say(label, n_train, tmp_path, monkeypatch):
    truth = reading.load("5.06_lista", reading.load_scale("full")).scenario
    x, s = truth.draw(1000, "test", 0)
    kept = pd.read_csv("results/rows/5.06_lista.csv").query(
        "method == @label and n_train == @n_train and seed == 0 and iteration.isna()"
    )
    monkeypatch.chdir("docs")  # below the project's folder
    method = mbdl.load("5.06", label)
    error = np.mean(np.sum((mbdl.estimate(method, x) - s) ** 2, axis=1))
    assert error == pytest.approx(kept["value"].item(), rel=1e-3)
    made_by = method.made_by
    assert (made_by["experiment"], made_by["label"], made_by["seed"]) == ("5.06_lista", label, 0)
    assert "torch" in made_by["versions"]
    assert made_by["scenario"]["noise_std"] == truth.noise_std
    backwards = mbdl.estimate(method, x[4::-1])
    np.testing.assert_allclose(backwards, mbdl.estimate(method, x[:5])[::-1], atol=1e-12)


def test_what_learns_nothing_has_the_settings_that_most_seeds_chose():
    assert mbdl.load("5.06", "ista").made_by["tuned"] == {"rho": 0.0175}


def test_a_methods_own_name_stands_for_the_first_of_its_labels():
    loaded = mbdl.load("5.10_subspacenet", "subspacenet")
    assert loaded.made_by["label"] == "subspacenet_music"
    with pytest.raises(UserError, match="has no method 'subspacnet'; did you mean subspacenet"):
        mbdl.load("5.10_subspacenet", "subspacnet")


def test_tables_and_verdicts_are_those_that_are_kept():
    assert set(mbdl.table("5.06")["experiment"]) == {"5.06_lista"}
    of_one, of_all = mbdl.verdicts("5.06"), mbdl.verdicts()
    assert len(of_one) == (of_all["experiment"] == "5.06_lista").sum() > 0


def test_outside_a_clone_it_says_where_experiments_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mbdl_repro.face.root.PACKAGE", tmp_path / "package")
    with pytest.raises(UserError, match=r"no workflow/experiments in .* a clone of the project"):
        mbdl.load("5.06", "lista")


def test_what_is_not_made_says_what_makes_it(store):
    """In a project whose experiments have been computed, but for one."""
    for path in (store.table("6.01_linear"), store.seed_rows("6.01_linear")):
        path.unlink()
    for ask in (lambda: mbdl.table("6.01"), lambda: mbdl.load("6.01", "generative")):
        with pytest.raises(UserError, match=r"is missing: `mbdl run 6.01_linear` makes it"):
            ask()
    store.verdicts("5.06_lista").unlink()
    with pytest.raises(UserError, match=r"`mbdl run 5.06_lista` makes it"):
        mbdl.verdicts("5.06")


@every_method
def test_observations_of_another_shape_are_named(info):
    method, x = built(info), pairs(info, 3, "test").x.numpy()
    wanted = observed(type(method))
    words = rf"x has shape \({x.shape[1]}, ?.*\); {type(method).__name__} takes "
    if x.ndim == wanted.count(",") + 1 and "." not in wanted and "…" not in wanted:
        with pytest.raises(ValueError, match=words + r".* a single signal is x\[None\]"):
            mbdl.estimate(method, x[0])
    with pytest.raises(ValueError, match="as numbers; x holds"):
        mbdl.estimate(method, x.astype(str))


def test_sizes_that_do_not_fit_are_named():
    truth = mbdl.sparse_recovery.SparseRecovery(
        observation_matrix="unit_columns",
        n_observations=8,
        n_signal=12,
        n_nonzeros=2,
        nonzero_std=1.0,
        noise_std=0.1,
    )
    lista = mbdl.sparse_recovery.Lista(truth, iterations=2, rho=0.1)
    with pytest.raises(ValueError, match=r"\(5, 7\); Lista takes \(n, n_observations\), of the"):
        mbdl.estimate(lista, np.zeros((5, 7)))


def test_a_loaded_method_may_believe_and_be_set_otherwise():
    """Its weights stay; another H and another number of iterations are what it is built with."""
    truth = mbdl.scenario("5.06")
    other = truth.believed(matrix_perturbation=0.1)
    lista = mbdl.load("5.06", "lista")
    same = mbdl.load("5.06", "lista", belief=other, step=0.3)
    assert (same.H != lista.H).any()
    assert (same.A == lista.A).all()
    assert same.made_by["settings"]["step"] == 0.3
    ista = mbdl.load("5.06", "ista", iterations=2, rho=0.3)
    assert (ista.made_by["settings"]["iterations"], ista.made_by["settings"]["rho"]) == (2, 0.3)
    with pytest.raises(UserError, match="not those of the method"):
        mbdl.load("5.06", "lista", iterations=3)
