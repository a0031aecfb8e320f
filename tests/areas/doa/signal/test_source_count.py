"""The number of sources, by the likelihood itself, and how often it is right."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.methods.root_music import RootMusic
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.covariance import sample_covariance
from mbdl_repro.areas.doa.signal.source_count import count_sources


def likeliest(R: np.ndarray, T: int, price_of) -> int:
    """Return the k of least −ln likelihood + price, of the covariance that is likeliest with k."""
    N = len(R)
    eigenvalues, V = np.linalg.eigh(R)
    criteria = []
    for k in range(N):
        levels = eigenvalues.copy()
        levels[: N - k] = levels[: N - k].mean()
        model = (V * levels) @ V.conj().T
        fit = np.linalg.slogdet(model)[1] + np.trace(np.linalg.solve(model, R)).real
        free = k * (2 * N - k)
        criteria.append(T * fit + price_of(free))
    return int(np.argmin(criteria))


@pytest.mark.parametrize("criterion", ["aic", "mdl"])
def test_it_is_the_likeliest_number_less_the_price_of_its_parameters(criterion):
    T = 20
    counts = []
    for M in (1, 3, 5):
        truth = Narrowband(n_sources=M, n_snapshots=T, snr_db=0.0)
        x = torch.from_numpy(truth.draw(60, "train", 100).x).to(torch.complex128)
        R = sample_covariance(x)
        price = {"aic": float, "mdl": lambda free: free * np.log(T) / 2}[criterion]
        direct = [likeliest(one, T, price) for one in R.numpy()]
        ours = count_sources(torch.linalg.eigvalsh(R), T, criterion)
        assert ours.tolist() == direct
        counts += direct
    assert len(set(counts)) > 4


def test_noise_alone_has_no_sources():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 8, 100, generator=rng, dtype=torch.complex128)
    eigenvalues = torch.linalg.eigvalsh(sample_covariance(x))
    assert (count_sources(eigenvalues, 100, "mdl") == 0).double().mean() > 0.995
    assert (count_sources(eigenvalues, 100, "aic") == 0).double().mean() > 0.9


def test_the_order_and_the_unit_of_eigenvalues_do_not_matter():
    eigenvalues = torch.tensor([[1.0, 1.1, 0.9, 20.0, 30.0]]).double()
    for given in (eigenvalues, eigenvalues.flip(1), 1e-9 * eigenvalues, 1e9 * eigenvalues):
        assert count_sources(given, 50, "mdl").tolist() == [2]
    assert count_sources(torch.zeros(1, 5).double(), 50, "mdl").tolist() == [0]


FBSS = {"smoothing": "forward_backward", "subarray": 6}


@pytest.mark.parametrize(
    ("snr_db", "correlation", "settings", "aic", "mdl"),
    [
        (10.0, 0.0, {}, 0.878, 0.960),
        (0.0, 0.0, {}, 0.840, 0.892),
        (-10.0, 0.0, {}, 0.435, 0.000),
        (10.0, 1.0, {}, 0.004, 0.000),
        (10.0, 1.0, FBSS, 0.913, 0.898),
        (0.0, 1.0, FBSS, 0.809, 0.755),
    ],
    ids=str,
)
def test_how_often_it_is_right(snr_db, correlation, settings, aic, mdl):
    """Shares that were found before, independently, for 3 sources of 100 snapshots."""
    truth = Narrowband(n_sources=3, n_snapshots=100, snr_db=snr_db, correlation=correlation)
    n = 4000
    x = torch.from_numpy(truth.draw(n, "train", 100).x)
    for criterion, share in (("aic", aic), ("mdl", mdl)):
        counted = RootMusic(truth, count=criterion, **settings).count_sources(x)
        right = (counted == 3).double().mean().item()
        # Of two samples of that size, and the third digit that is not given.
        error = np.sqrt(2 * max(share * (1 - share), 1e-3) / n)
        assert right == pytest.approx(share, abs=4 * error + 5e-4), criterion
