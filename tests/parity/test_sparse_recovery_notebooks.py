"""The companion notebooks' printed digits, from this package's update functions.

The notebooks of Examples 3.8 and 5.4 to 5.6 print what their code computes, and that differs
from the equations in the text. Fed their random numbers, and given their differences in place of
the right arguments, our updates print the same digits. What differs is written here only:

- ADMM solves with ρ where the text has 2λ, and so shrinks and solves with penalties that do not
  belong together; its estimate is s, which is not sparse, and not v. The learned versions
  moreover shrink by ρ²/(2λ) in place of ρ/(2λ), with no gradient through one of the two ρ.
- ADMM unfolded K times, and LISTA of K layers, shrink K + 1 times.
- The learned versions are trained by the squared error summed, not averaged, over a batch, and
  validated on the test set. (Nothing is chosen by it.)

Of the long trainings, only the epochs whose losses are printed are run, each from the state in
which a whole run enters it (``states.json``). Run as a script, this file does the whole runs, in
two minutes, compares all that they print, and writes the states.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import orth

from mbdl_repro.areas.sparse_recovery.updates.admm import admm_step, with_orthogonal_rows
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import proximal_gradient_step

N, M, K = 150, 200, 4
RHO, LAMBDA, MU = 0.01, 12.5, 5e-5

STATES_FILE = Path(__file__).parent / "states.json"


def notebook_admm(x, H, settings):
    """Yield the notebooks' s; ``settings`` are their ρ and μ, and what they shrink by.

    A solve with ρ in place of 2λ is one with λ = ρ/2, and shrinking by β in place of ρ/(2λ) is
    then done by an ℓ₁ weight of β ρ. (With constant settings they thus minimize that objective.)
    """
    U, W = with_orthogonal_rows(H)
    x, d = x @ U, W.square().sum(1)
    v = u = x.new_zeros(len(x), H.shape[1])
    for rho, threshold, mu in settings:
        s, v, u = admm_step(v, u, x, W, d, threshold * rho, rho / 2, mu)
        yield s


def test_example_3_8_admm_stops_after_3574_iterations():
    stream = np.random.RandomState(0)
    n, m, k = 256, 1000, 5
    H = orth(stream.randn(n, m).T).T
    s = np.zeros(m)
    support = stream.choice(m, k, replace=False)
    s[support] = 0.5 * stream.randn(k)
    x = H @ s + 0.01 * stream.randn(n)

    before, stopped = torch.zeros(m, dtype=torch.float64), None
    settings = ((RHO, RHO / (2 * LAMBDA), MU) for _ in range(10_000))
    iterates = notebook_admm(torch.from_numpy(x)[None], torch.from_numpy(H), settings)
    for iteration, (estimate,) in enumerate(iterates, start=1):
        if (estimate - before).abs().sum() <= 1e-4:
            stopped = iteration
            break
        before = estimate
    assert stopped == 3574
    assert np.square(estimate.numpy() - s).sum() == pytest.approx(0.0625, abs=5e-5)
    assert (estimate != 0).all()  # it is not sparse


@cache
def drawn(noise_of_torch):
    """Return H, the training and the test pairs, and the state in which that leaves torch."""
    torch_stream = torch.Generator().manual_seed(0)
    numpy_stream = np.random.RandomState(0)
    H = torch.randn(N, M, generator=torch_stream, dtype=torch.float64)
    H = H / torch.linalg.norm(H, dim=0)

    def draw():
        x, s = (torch.zeros(1000, size, dtype=torch.float64) for size in (N, M))
        for i in range(1000):
            support = numpy_stream.choice(M, K, replace=False)
            s[i, support] = torch.from_numpy(0.5 * numpy_stream.randn(K))
            if noise_of_torch:
                noise = torch.randn(N, generator=torch_stream, dtype=torch.float64)
            else:
                noise = torch.from_numpy(numpy_stream.randn(N))
            x[i] = H @ s[i] + 0.01 * noise
        return x, s

    return H, draw(), draw(), torch_stream.get_state()


class Notebook:
    """The data of Examples 5.4 to 5.6, and the one stream of torch's random numbers they share."""

    def __init__(self, noise_of_torch=False):
        self.H, self.train, self.test, state = drawn(noise_of_torch)
        self.torch_stream = torch.Generator()
        self.torch_stream.set_state(state)

    def shuffled(self):
        """Return the order of a pass over the data, as a ``DataLoader`` draws it.

        It first draws a seed for worker processes, of which there are none.
        """
        for _ in range(2):
            seed = torch.empty((), dtype=torch.int64).random_(generator=self.torch_stream).item()
        return torch.randperm(1000, generator=torch.Generator().manual_seed(seed))

    def fit(self, model, parameters, printed, states=None, whole=False, validation_batch=512):
        """Train as the notebooks do; return training and validation loss at the epochs printed.

        Only those epochs are trained, from ``states``; or all, and ``states`` are noted.
        """
        optimizer = torch.optim.SGD(parameters, lr=5e-5, momentum=0.9)
        lines = {}
        for epoch in range(max(printed) + 1):
            train_order, test_order = self.shuffled(), self.shuffled()
            if not whole and epoch not in printed:
                continue
            if states is not None and epoch and epoch in printed:
                if whole:
                    states[str(epoch)] = state_of(parameters, optimizer)
                else:
                    enter(states[str(epoch)], parameters, optimizer)
            optimizer.param_groups[0]["lr"] = 5e-5 if epoch < 50 else 5e-6
            x, s = self.train
            train_loss = test_loss = 0.0
            for rows in train_order.split(512):
                loss = (model(x[rows]) - s[rows]).square().sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                train_loss += loss.item()
            if epoch in printed:
                x, s = self.test
                for rows in test_order.split(validation_batch):
                    with torch.no_grad():
                        test_loss += (model(x[rows]) - s[rows]).square().sum().item()
                lines[epoch] = f"{train_loss / 1000:.8f} {test_loss / 1000:.8f}"
        return lines


def state_of(parameters, optimizer):
    """Return the value and the momentum of each parameter, as lists."""
    momenta = [optimizer.state[p]["momentum_buffer"] for p in parameters]
    return [[p.tolist(), m.tolist()] for p, m in zip(parameters, momenta, strict=True)]


def enter(state, parameters, optimizer):
    """Put parameters and momenta where :func:`state_of` found them."""
    for parameter, (value, momentum) in zip(parameters, state, strict=True):
        with torch.no_grad():
            parameter.copy_(torch.tensor(value, dtype=torch.float64))
        optimizer.state[parameter]["momentum_buffer"] = torch.tensor(momentum, dtype=torch.float64)


def parameter(value, *shape):
    return torch.full(shape, value, dtype=torch.float64).requires_grad_()


def shrunk_by(rho, lam):
    """ρ²/(2λ), with no gradient through one ρ of the two."""
    return rho / (2 * lam) * rho.detach()


def learned_admm(H):
    """Example 5.4: as many iterations as it takes, for a batch together."""
    rho, lam, mu = parameter(RHO, 1), parameter(LAMBDA, 1), parameter(MU, 1)

    def model(x):
        before = torch.zeros(len(x), M, dtype=torch.float64)
        settings = ((rho, shrunk_by(rho, lam), mu) for _ in range(1001))
        for s in notebook_admm(x, H, settings):
            if torch.linalg.norm(s.detach() - before) <= 1e-2:
                break
            before = s.detach()
        return s

    return model, [rho, lam, mu]


def unfolded_admm(H, layers):
    """Example 5.5: settings of their own for each of K + 1 layers."""
    rho, lam, mu = (parameter(value, layers + 1) for value in (RHO, LAMBDA, MU))

    def model(x):
        *_, s = notebook_admm(x, H, zip(rho, shrunk_by(rho, lam), mu, strict=True))
        return s

    return model, [rho, lam, mu]


PRINTED_5_4 = {
    0: "0.29971676 0.29008598",
    10: "0.01025452 0.00792984",
    20: "0.00230744 0.00228909",
    30: "0.00233179 0.00232318",
    40: "0.00230617 0.00229499",
    50: "0.00228866 0.00227687",
}
PRINTED_5_5 = {
    1: {0: "0.29832500 0.28738278", 50: "0.11259037 0.10577117"},
    3: {0: "0.29970934 0.29009287", 50: "0.04395585 0.04005775"},
    5: {0: "0.29970067 0.29009455", 50: "0.02953151 0.02599747"},
    7: {0: "0.29964471 0.29003782", 50: "0.02287972 0.01980672"},
    9: {0: "0.29958654 0.28997835", 50: "0.01895398 0.01633629"},
    11: {0: "0.29952826 0.28991888", 50: "0.01690067 0.01462180"},
}


PRINTED_5_6 = {
    0: "0.90430683 0.86949169",
    10: "0.20487403 0.15305775",
    20: "0.03464069 0.03086743",
    30: "0.01496401 0.01495947",
    40: "0.00707210 0.00855395",
}


def learned_admm_losses(states, whole=False):
    notebook = Notebook()
    model, parameters = learned_admm(notebook.H)
    return notebook.fit(model, parameters, PRINTED_5_4, states, whole)


def unfolded_admm_losses(layers, states, whole=False):
    notebook = Notebook()
    for _ in range(60 * (layers - 1)):  # two passes an epoch, for 1, 3, 5, … layers before
        notebook.shuffled()
    model, parameters = unfolded_admm(notebook.H, layers)
    return notebook.fit(model, parameters, PRINTED_5_5[layers], states, whole)


@pytest.fixture(scope="module")
def states():
    return json.loads(STATES_FILE.read_text())


def test_example_5_4_learned_admm(states):
    assert learned_admm_losses(states["5.4"]) == PRINTED_5_4


@pytest.mark.parametrize("layers", PRINTED_5_5)
def test_example_5_5_unfolded_admm(layers, states):
    assert unfolded_admm_losses(layers, states[f"5.5 {layers}"]) == PRINTED_5_5[layers]


def test_example_5_5_unfolded_admm_from_the_start():
    assert unfolded_admm_losses(1, None, whole=True) == PRINTED_5_5[1]


def test_example_5_6_lista():
    notebook = Notebook(noise_of_torch=True)
    for _ in "AB":
        # Weights that H and its Gram matrix then replace. As published, the first of them is
        # 200 × 150; what is printed is from before that was mended, when both had 200 × 200.
        torch.empty(M, M, dtype=torch.float64).uniform_(generator=notebook.torch_stream)
    A, B = notebook.H.T.clone().requires_grad_(), (notebook.H.T @ notebook.H).requires_grad_()
    beta, mu = parameter(1.0, 6), parameter(1.0, 6)

    def model(x):
        Ax = x @ A.T
        s = torch.zeros_like(Ax)
        for step, threshold in zip(mu, beta, strict=True):
            s = proximal_gradient_step(s, s @ B.T - Ax, step, threshold)
        return s

    weights = [A, B, beta, mu]
    losses = notebook.fit(model, weights, PRINTED_5_6, whole=True, validation_batch=1000)
    assert losses == PRINTED_5_6


def main():
    """Run Examples 5.4 and 5.5 from the start, and store the states on the way."""
    states = {"5.4": {}} | {f"5.5 {layers}": {} for layers in PRINTED_5_5}
    assert learned_admm_losses(states["5.4"], whole=True) == PRINTED_5_4
    for layers, printed in PRINTED_5_5.items():
        assert unfolded_admm_losses(layers, states[f"5.5 {layers}"], whole=True) == printed
    STATES_FILE.write_text(json.dumps(states, indent=1) + "\n")


if __name__ == "__main__":
    main()
