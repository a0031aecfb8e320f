"""The blocks for Python users run as they stand: those of their page, and of the README."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import mbdl_repro as mbdl

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


LEARNED, ANGLES, WALKS, OWN = blocks("docs/python.md")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a block in an empty folder, and return what it has defined."""
    monkeypatch.chdir(tmp_path)

    def run(block):
        space = {}
        exec(block, space)
        return space

    return run


def test_the_block_of_the_readme_shows_kept_methods_beside_the_bound(run, capsys):
    (block,) = blocks("README.md")
    run(block)
    *_, ista, lista, bound = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in (ista, lista, bound)] == ["ista", "lista", "oracle_bayes"]
    assert float(lista.split()[1].strip("(")) < float(ista.split()[1].strip("("))


def test_five_layers_of_lista_beat_a_hundred_iterations_of_ista(run):
    found = run(LEARNED)["found"]
    (row,) = found.against("ISTA").query("method == 'LISTA'").to_dict("records")
    assert row["ci_high"] < 1
    assert found.chosen["ISTA"][0]["rho"] in (0.0125, 0.015, 0.0175)


def test_angles_come_from_a_file_of_snapshots(run, capsys):
    """Equal sources far apart: both methods find nearly all of them."""
    array = mbdl.doa.Narrowband(
        n_sensors=8, n_sources=3, n_snapshots=100, published_snr_db=10.0, correlation=1.0
    )
    x, s = array.draw(50, "page")
    np.save("snapshots.npy", x)
    space = run(ANGLES)
    for method in (space["esprit"], space["subspacenet"]):
        error = np.abs(mbdl.estimate(method, x) - s)
        assert np.median(error) < np.deg2rad(1)
    assert len(capsys.readouterr().out.splitlines()) >= 2 * 50


def test_a_learned_v_is_better_than_a_guess_that_is_off(run, capsys):
    truth = mbdl.tracking.LinearStateSpace(
        transition="constant_velocity",
        n_observations=1,
        n_steps=50,
        process_noise_std=0.1,
        noise_std=2.0,
    )
    x, s = truth.draw(120, "page")
    np.savez("walks.npz", x=x, s=s)
    run(WALKS)
    guessed, learned = (float(line.split()[-1]) for line in capsys.readouterr().out.splitlines())
    test = mbdl.Split(x[2::3], s[2::3])
    known = mbdl.estimate(mbdl.tracking.KalmanFilter(truth), test.x) - test.s
    assert np.mean(known[..., 0] ** 2) < 1.02 * learned < learned * 1.3 < guessed


def test_a_function_is_compared_with_methods(run):
    found = run(OWN)["found"]
    means = found.table.set_index("method")["mean"]
    assert means["linear_mmse"] < means["discriminative"] < means["pseudo_inverse"]
    assert set(found.against("linear_mmse")["method"]) == {"pseudo_inverse", "discriminative"}
