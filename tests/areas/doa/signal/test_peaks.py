"""Peaks against SciPy's, and where parabolas and bells are known to be highest."""

import numpy as np
import pytest
import scipy.signal
import torch

from mbdl_repro.areas.doa.signal.peaks import centroids, highest_peaks, is_peak, vertices
from mbdl_repro.contract.seeding import rng_for


def test_peaks_are_those_of_scipy():
    height = torch.from_numpy(rng_for("peaks").standard_normal((50, 40)))
    at, there = highest_peaks(height, 3, circular=True)
    for row, found, some in zip(height.numpy(), at.numpy(), there.numpy()):
        thrice = np.tile(row, 3)
        expected, _ = scipy.signal.find_peaks(thrice)
        expected = {i - 40 for i in expected if 40 <= i < 80}
        best = sorted(expected, key=lambda i: -row[i])[:3]
        assert found[some].tolist() == best


def test_ends_are_peaks_and_few_are_few():
    height = torch.tensor([[3.0, 2.0, 1.0, 0.0, 1.0], [0.0, 1.0, 2.0, 1.0, 0.0]])
    at, there = highest_peaks(height, 3, circular=False)
    assert there.tolist() == [[True, True, False], [True, False, False]]
    assert at[there].tolist() == [0, 4, 2]
    assert vertices(height, at)[there].tolist() == [0, 4, 2]
    at, there = highest_peaks(height, 1, circular=True)
    assert at.tolist() == [[0], [2]] and there.all()
    assert highest_peaks(height, 9, circular=True)[1].sum().item() == 2


def test_a_parabola_and_a_bell_are_found_between_points():
    place = torch.tensor([3.3, 7.0, 4.49])
    steps = torch.arange(12)
    parabola = -((steps - place[:, None]) ** 2)
    at, _ = highest_peaks(parabola, 1, circular=False)
    torch.testing.assert_close(vertices(parabola, at)[:, 0], place)
    place = torch.tensor([0.2, 11.8, 5.4])  # the first two are neighbours, over the end
    away = (steps - place[:, None] + 6) % 12 - 6
    bell = torch.exp(-(away**2) / 2)
    at, _ = highest_peaks(bell, 1, circular=True)
    torch.testing.assert_close(centroids(bell, at, 5)[:, 0] % 12, place, atol=1e-3, rtol=0)


@pytest.mark.parametrize("circular", [True, False])
def test_along_any_axis_and_next_to_what_is_no_number(circular):
    height = torch.from_numpy(rng_for("peaks").standard_normal((30, 20)))
    along = is_peak(height, circular=circular)
    assert torch.equal(is_peak(height.T, circular=circular, dim=0), along.T)
    height[:, 7] = torch.nan
    holed = is_peak(height, circular=circular)
    assert not holed[:, 6:9].any()
    others = [*range(6), *range(9, 20)]
    assert torch.equal(holed[:, others], along[:, others])
    at, there = highest_peaks(torch.full((2, 5), torch.nan), 2, circular=circular)
    assert not there.any() and (at == 0).all()


def test_of_equal_neighbours_the_first_is_the_peak():
    height = torch.tensor([[0.0, 2.0, 2.0, 1.0, 3.0, 3.0, 3.0, 0.0]])
    assert is_peak(height, circular=False).nonzero()[:, 1].tolist() == [1, 4]
