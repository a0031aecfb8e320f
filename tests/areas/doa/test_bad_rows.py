"""A row that says nothing has no angles, and costs no other row its own, in every method."""

import dataclasses
import math

import pytest
import torch
from contract.instances import ANGLES, built, pairs

from mbdl_repro.areas.doa.methods.bartlett import Bartlett
from mbdl_repro.areas.doa.methods.esprit import Esprit
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.methods.music import Music
from mbdl_repro.areas.doa.methods.mvdr import Mvdr
from mbdl_repro.areas.doa.methods.root_music import RootMusic
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.subspace import determined_subspace, eigenvalues, eigenvectors
from mbdl_repro.contract.seeding import rng_for

BAD = {"zeros": 0.0, "nan": math.nan, "inf": math.inf, "huge": 1e160, "tiny": 1e-160}

every_method = pytest.mark.parametrize("info", ANGLES, ids=lambda info: info.name)


@every_method
@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_bad_row_has_no_angles_and_touches_no_other(info, value):
    method, x = built(info), pairs(info, 6, "test").x.to(torch.complex128)
    with torch.no_grad():
        whole = method(x)
        spoilt = x.clone()
        spoilt[1] = value
        answer = method(spoilt)
        alone = method(spoilt[1:2])
    assert torch.isnan(answer[1]).all() and torch.isnan(alone).all()
    others = [0, 2, 3, 4, 5]
    torch.testing.assert_close(answer[others], whole[others], equal_nan=True)


@every_method
def test_one_bad_entry_is_enough(info):
    method, x = built(info), pairs(info, 6, "test").x.to(torch.complex128)
    with torch.no_grad():
        whole = method(x)
        x[2, 0, 0], x[4, 1, -1], x[5, -1, 0] = math.nan, math.inf, 1e160
        answer = method(x)
    assert torch.isnan(answer[[2, 4, 5]]).all()
    torch.testing.assert_close(answer[[0, 1, 3]], whole[[0, 1, 3]], equal_nan=True)


@every_method
def test_no_row_depends_on_its_unit(info):
    """Nor on one that squares, in double precision, just hold."""
    method, x = built(info), pairs(info, 4, "test").x.to(torch.complex128)
    with torch.no_grad():
        answer = method(x)
        for unit in (2.0**-400, 2.0**400):
            torch.testing.assert_close(method(unit * x), answer, rtol=0, atol=1e-9, equal_nan=True)


@every_method
def test_what_is_shown_of_other_rows_stays(info):
    method, x = built(info), pairs(info, 4, "test").x.to(torch.complex128)
    if not hasattr(method, "illustrations"):
        return
    with torch.no_grad():
        whole = method.illustrations(x)
        x[1, 0, 0], x[2] = math.nan, 1e160
        shown = method.illustrations(x)
    for name, rows in whole.items():
        torch.testing.assert_close(shown[name][[0, 3]], rows[[0, 3]], equal_nan=True)


# --- covariances that are singular ---

TRUTH = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0)
SUBSPACE = (Music, RootMusic, Esprit)


def snapshots(truth, n=4):
    return torch.from_numpy(truth.draw(n, "test").x).to(torch.complex128)


@pytest.mark.parametrize("cls", SUBSPACE, ids=lambda cls: cls.__name__)
def test_fewer_snapshots_than_sources_do_not_say_the_subspace(cls):
    x = snapshots(TRUTH)
    for T in (1, 2):
        assert cls(TRUTH)(x[..., :T]).isnan().all()
        # Sub-arrays are more snapshots, of fewer sensors.
        found = cls(TRUTH, smoothing="forward_backward", subarray=5)(x[..., :T])
        assert not found[:, 0].isnan().any()
    assert not cls(TRUTH)(x[..., :3])[:, 0].isnan().any()
    # The row that does not say it is alone in that.
    mixed = x[..., :3].clone()
    mixed[1, :, 1:] = mixed[1, :, :1]
    answer = cls(TRUTH)(mixed)
    assert answer[1].isnan().all()
    torch.testing.assert_close(answer[[0, 2, 3]], cls(TRUTH)(x[..., :3])[[0, 2, 3]], equal_nan=True)


@pytest.mark.parametrize("cls", SUBSPACE, ids=lambda cls: cls.__name__)
def test_coherent_sources_without_noise_do_not_say_the_subspace(cls):
    truth = dataclasses.replace(TRUTH, correlation=1.0)
    split = truth.received(3, rng_for("coherent"))
    a = torch.from_numpy(split.x[:, :, :1]).to(torch.complex128)
    x = a * torch.randn(1, 1, 50, generator=torch.Generator().manual_seed(0)).double()
    assert cls(truth)(x).isnan().all()
    assert not cls(truth, smoothing="forward_backward", subarray=6)(x)[:, 0].isnan().any()


def test_beamformers_and_likelihood_need_no_subspace():
    one = snapshots(TRUTH)[..., :1]
    assert not Bartlett(TRUTH)(one)[:, 0].isnan().any()
    assert not Mvdr(TRUTH, loading=0.1)(one)[:, 0].isnan().any()
    assert not MaximumLikelihood(TRUTH)(one).isnan().any()


def test_a_white_covariance_has_no_signal_subspace_and_as_many_sources_as_sensors_are_refused():
    R = torch.stack([torch.eye(4) + 0j, torch.diag(torch.tensor([1.0, 1, 1, 5])) + 0j]).to(
        torch.complex128
    )
    assert determined_subspace(R, 1)[0].isnan().all()
    assert not determined_subspace(R, 1)[1].isnan().any()
    assert determined_subspace(R, 2)[1].isnan().all()
    for scale in (1e-150, 1e150):
        torch.testing.assert_close(
            determined_subspace(scale * R, 1), determined_subspace(R, 1), equal_nan=True
        )
    with pytest.raises(ValueError, match="n_sources is 8: allowed is 1 to 7"):
        dataclasses.replace(TRUTH, n_sources=8)


def test_decompositions_of_what_is_not_finite_are_nan():
    R = torch.eye(3, dtype=torch.complex128).repeat(3, 1, 1)
    R[0, 0, 0], R[1, 2, 1] = math.inf, math.nan
    values, V = eigenvectors(R)
    for part in (values, V, eigenvalues(R)):
        assert part[:2].isnan().all() and not part[2].isnan().any()
