"""Each update against its definition, computed another way."""

from itertools import islice

import numpy as np
import torch

from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import (
    least_squares_gradient,
    lipschitz_constant,
    momenta,
    proximal_gradient_step,
)
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import (
    duality_gap,
    objective,
    until_gap,
)
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.seeding import rng_for


def problem(n=6, n_observations=10, m=15):
    rng = rng_for("test", "problem", n, n_observations, m)
    shapes = ((n, m), (n, n_observations), (n_observations, m))
    return tuple(torch.from_numpy(rng.standard_normal(shape)) for shape in shapes)


def test_soft_threshold_is_the_least_point_of_the_proximal_objective():
    grid = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    for threshold in (0.0, 0.3, 1.0):
        for z in torch.linspace(-3, 3, 41, dtype=torch.float64):
            least = grid[(0.5 * (grid - z) ** 2 + threshold * grid.abs()).argmin()]
            assert abs(soft_threshold(z, threshold) - least) <= 5.1e-4  # half a grid spacing


def test_soft_threshold_broadcasts_its_threshold():
    z = torch.tensor([[1.0, -2.0, 3.0]])
    shrunk = soft_threshold(z, torch.tensor([0.5, 0.5, 4.0]))
    assert shrunk.tolist() == [[0.5, -1.5, 0.0]]


def test_gradient_is_that_of_the_squared_residual():
    s, x, H = problem()
    s.requires_grad_()
    (0.5 * (x - s @ H.T).square().sum()).backward()
    torch.testing.assert_close(least_squares_gradient(s.detach(), x, H), s.grad)


def test_lipschitz_constant_is_the_largest_eigenvalue():
    _, _, H = problem()
    assert np.isclose(lipschitz_constant(H), np.linalg.eigvalsh(H.T @ H)[-1], rtol=1e-12)


def test_step_minimizes_the_quadratic_model():
    """The step is the minimum of the model that majorizes F: no nearby point has less."""
    s, x, H = problem()
    rho, step = 0.3, 1 / lipschitz_constant(H)
    gradient = least_squares_gradient(s, x, H)

    def model(point):
        move = point - s
        smooth = (gradient * move).sum(1) + move.square().sum(1) / (2 * step)
        return smooth + rho * point.abs().sum(1)

    least = proximal_gradient_step(s, gradient, step, step * rho)
    rng = torch.Generator().manual_seed(0)
    for scale in (1e-1, 1e-3, 1e-5):
        nudge = scale * torch.randn(s.shape, generator=rng, dtype=s.dtype)
        assert (model(least) <= model(least + nudge)).all()
    assert (objective(least, x, H, rho) < objective(s, x, H, rho)).all()


def test_momenta_come_from_the_recursion_of_t():
    """(t_k − 1)/t_{k+1}, where t_{k+1}² − t_{k+1} = t_k²; it tends to 1 like 1 − 3/k."""
    t = 1.0
    for momentum in islice(momenta(), 50):
        following = max(np.roots([1, -1, -(t**2)]))
        assert np.isclose(momentum, (t - 1) / following, atol=1e-12)
        t = following
    last = next(islice(momenta(), 999, None))
    assert abs(last - (1 - 3 / 1000)) < 1e-4


def test_duality_gap_is_primal_less_dual():
    s, x, H = problem()
    for rho in (0.1, 3.0, 100.0):
        r = x - s @ H.T
        correlation = (r @ H).abs().amax(1, keepdim=True)
        theta = r / (correlation / rho).clamp_min(1.0)
        assert ((theta @ H).abs() <= rho * (1 + 1e-12)).all()
        dual = 0.5 * x.square().sum(1) - 0.5 * (x - theta).square().sum(1)
        expected = objective(s, x, H, rho) - dual
        torch.testing.assert_close(duality_gap(s, x, H, rho), expected, rtol=1e-11, atol=1e-11)


def test_until_gap_holds_each_row_at_its_own_first_good_iterate():
    _, x, H = problem()
    x = x * torch.tensor([1e-3, 1.0, 0.0, 5.0, 30.0, 0.1], dtype=x.dtype)[:, None]
    rho, tolerance, step = 0.5, 1e-3, 1 / lipschitz_constant(H)

    def plain(x, steps=3000):
        s = x.new_zeros(len(x), H.shape[1])
        yield s
        for _ in range(steps):
            s = proximal_gradient_step(s, least_squares_gradient(s, x, H), step, step * rho)
            yield s

    path = torch.stack(list(plain(x)))  # (iterates, n, m)
    gaps = torch.stack([duality_gap(s, x, H, rho) for s in path])
    first = (gaps <= tolerance * 0.5 * x.square().sum(1)).int().argmax(0)
    assert first.unique().numel() >= 4, "rows are meant to stop at different times"

    held = list(until_gap(plain(x), x, H, rho, tolerance))
    assert len(held) == first.max() + 1
    torch.testing.assert_close(held[-1], path[first, torch.arange(len(x))], rtol=0, atol=0)
    assert len(list(until_gap(plain(x, 7), x, H, rho, None))) == 8
