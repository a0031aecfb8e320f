"""Estimates of observations in a file."""

import numpy as np
import pytest
from commands import mbdl, mistake

from mbdl_repro.experiments import reading


@pytest.fixture(scope="module")
def x():
    return reading.load("5.10_subspacenet", reading.load_scale("full")).scenario.draw(3, "own").x


def test_files_in_and_out(x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    answers = []
    for name in ("x.npy", "x.npz"):
        files = ("--input", str(tmp_path / name), "--output", str(tmp_path / "angles.npy"))
        said = mbdl("estimate", "5.10_subspacenet", "subspacenet", *files)
        assert "estimates of shape (3, 3)" in said
        answers.append(np.load(tmp_path / "angles.npy"))
    np.testing.assert_array_equal(*answers)
    shown = mbdl("estimate", "5.10", "subspacenet_music", "--input", str(tmp_path / "x.npy"))
    np.testing.assert_allclose(np.loadtxt(shown.splitlines()), answers[0], rtol=1e-7)


def test_mistakes_are_named(x, tmp_path):
    np.save(tmp_path / "x.npy", x[0])
    np.savez(tmp_path / "y.npz", y=x)
    (tmp_path / "z.npy").write_text("no array")

    def told(name: str, *others: str) -> str:
        return mistake("estimate", "5.10", "esprit", "--input", str(tmp_path / name), *others)

    assert "x.npy: x has shape (8, 100); Esprit takes (n, N, T): a single signal" in told("x.npy")
    assert "y.npz: holds y: it should hold x" in told("y.npz")
    assert "z.npy: no file that numpy.save writes" in told("z.npy")
    assert "none.npy: cannot be read: No such file" in told("none.npy")
    assert "are written as a .npy file" in told("x.npy", "--output", "angles.csv")
