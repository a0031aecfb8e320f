"""Channels that drift, and receivers that follow them."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.receivers.learned import own_weights
from mbdl_repro.areas.receivers.learned.bank import Bank
from mbdl_repro.areas.receivers.methods.meta_viterbinet import MetaViterbinet
from mbdl_repro.areas.receivers.methods.online_viterbinet import OnlineViterbinet
from mbdl_repro.areas.receivers.methods.pilot_viterbi import PilotViterbi
from mbdl_repro.areas.receivers.methods.viterbi import Viterbi
from mbdl_repro.areas.receivers.methods.viterbinet import Viterbinet
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.states import states_of
from mbdl_repro.contract.scenario import Split

TRUTH = FadingMemory(n_blocks=3, n_symbols=40, n_pilots=12, first_block=5, snr_db=12.0)


def drawn(method, seed=0):
    """The method with weights that are drawn."""
    train = Split(*map(torch.as_tensor, TRUTH.draw(2, "train", seed)))
    method.initialize(train, torch.Generator().manual_seed(seed))
    return method


def test_taps_fade_with_their_own_periods():
    for block, taps in enumerate(TRUTH.taps, 5):
        expected = [
            np.exp(-0.2 * tap) * (0.8 + 0.2 * np.cos(2 * np.pi * block / period))
            for tap, period in enumerate((51, 39, 33, 21))
        ]
        np.testing.assert_allclose(taps, expected, rtol=1e-12)
    still = TRUTH.believed(drifts=False).taps
    np.testing.assert_array_equal(still, np.tile(TRUTH.taps[0], (3, 1)))
    with pytest.raises(ValueError, match="periods are 4, of 5 taps"):
        FadingMemory(n_taps=5)


def test_pilots_go_before_each_block_and_are_known():
    quiet = TRUTH.believed(snr_db=200.0)
    x, s = quiet.draw(4, "test", 0)
    assert x.shape == (4, 3, 1, 12 + 3 + 40 + 3) and s.shape == (4, 3, 40)
    sent = np.concatenate([np.ones(3), TRUTH.pilots, np.ones(3)])
    for block, taps in enumerate(TRUTH.taps):
        expected = np.convolve(sent, taps)[3 : 3 + 15]
        np.testing.assert_allclose(x[:, block, 0, :15], np.tile(expected, (4, 1)), atol=1e-8)
    for method in (Viterbi(quiet), PilotViterbi(quiet)):
        np.testing.assert_array_equal(method.estimate(x), s)


def test_taps_from_pilots_are_those_of_least_squares():
    x = TRUTH.draw(2, "test", 0).x
    method = PilotViterbi(TRUTH)
    sent = method.symbols[states_of(torch.as_tensor(TRUTH.pilots), 4)].numpy()
    fitted = [[np.linalg.lstsq(sent, block[0, :15])[0] for block in row] for row in x]
    given = torch.as_tensor(x[..., :15]).mean(2) @ method.from_pilots.mT
    np.testing.assert_allclose(given, fitted, atol=1e-10)
    with pytest.raises(ValueError, match="n_pilots is 0"):
        PilotViterbi(TRUTH.believed(n_pilots=0))


@pytest.mark.parametrize(
    ("after", "optimizer"),
    [(own_weights.after_adam, torch.optim.Adam), (own_weights.after_descent, torch.optim.SGD)],
)
def test_each_row_takes_the_steps_that_it_would_take_alone(after, optimizer):
    rng = torch.Generator().manual_seed(1)
    bank = Bank(1, (1, 6, 16))
    bank.draw(rng)
    x = torch.randn(3, 1, 9, generator=rng, dtype=torch.float64)
    states = torch.randint(16, (3, 9), generator=rng)
    weights = after(own_weights.weights_of(bank, 3), x, states, 4, 0.05)
    for row in range(3):
        alone = Bank(1, (1, 6, 16))
        alone.load_state_dict(bank.state_dict())
        steps = optimizer(alone.parameters(), lr=0.05)
        for _ in range(4):
            steps.zero_grad()
            logits = alone(x[row].mT[None])[0]
            torch.nn.functional.cross_entropy(logits, states[row]).backward()
            steps.step()
        for ours, theirs in zip(weights, (*alone.weights, *alone.offsets), strict=True):
            torch.testing.assert_close(ours[row], theirs[0].detach(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("steps_on", ["pilots", "decoded"])
def test_without_steps_it_is_viterbinet(steps_on):
    truth = TRUTH.believed(n_symbols=30, code="bch_15_7")
    x, s = truth.draw(5, "test", 0)
    how = {"n_steps": 0, "hidden_widths": (7,), "steps_on": steps_on}
    online, meta = drawn(OnlineViterbinet(truth, **how)), drawn(MetaViterbinet(truth, **how))
    plain = drawn(Viterbinet(truth, hidden_widths=(7,), shared=True))
    for method in (online, meta):
        np.testing.assert_array_equal(method.estimate(x), plain.estimate(x))
        pairs = torch.as_tensor(x), torch.as_tensor(s)
        torch.testing.assert_close(method.loss(*pairs), plain.loss(*pairs))


def test_steps_on_decisions_serve_the_next_block():
    x, _ = TRUTH.draw(5, "test", 0)
    still = drawn(OnlineViterbinet(TRUTH, n_steps=0, hidden_widths=(7,)))
    on = {
        kind: drawn(OnlineViterbinet(TRUTH, n_steps=3, steps_on=kind, hidden_widths=(7,)))
        for kind in ("pilots", "decisions", "both")
    }
    seen = {kind: method.log_likelihood(torch.as_tensor(x)) for kind, method in on.items()}
    first = still.log_likelihood(torch.as_tensor(x))[:, 0]
    torch.testing.assert_close(seen["decisions"][:, 0], first)
    torch.testing.assert_close(seen["both"][:, 0], seen["pilots"][:, 0])
    assert not torch.allclose(seen["pilots"][:, 0], first)
    assert not torch.allclose(seen["both"][:, 1], seen["pilots"][:, 1])
    with pytest.raises(ValueError, match="n_pilots is 0"):
        OnlineViterbinet(TRUTH.believed(n_pilots=0), steps_on="both")


def test_steps_are_tuned_by_what_they_make_of_validation():
    pairs = Split(*map(torch.as_tensor, TRUTH.draw(5, "validation", 0)))
    losses = {
        n: drawn(OnlineViterbinet(TRUTH, n_steps=n, hidden_widths=(7,))).loss_on(pairs)
        for n in (0, 5)
    }
    still = drawn(OnlineViterbinet(TRUTH, n_steps=0, hidden_widths=(7,)))
    assert losses[0] == pytest.approx(still.loss(*pairs).item())
    assert losses[5] < losses[0]


def test_pilots_of_another_memory_are_not_found():
    x = TRUTH.draw(2, "test", 0).x
    with pytest.raises(ValueError, match=r"should be .* after 13 values of pilots"):
        PilotViterbi(TRUTH.believed(n_taps=2)).estimate(x)
    with pytest.raises(ValueError, match=r"should be .* after 15 values of pilots"):
        Viterbi(TRUTH).estimate(x[..., :20])


def test_the_gradient_of_learning_to_learn_is_that_after_the_steps():
    x, s = (torch.as_tensor(part) for part in TRUTH.draw(2, "test", 0))
    method = drawn(MetaViterbinet(TRUTH, n_steps=3, hidden_widths=(7,)))
    method.loss(x, s).backward()
    expected = [torch.zeros_like(p) for p in method.network.parameters()]
    for row in range(2):
        for block in range(3):
            one = Bank(1, (1, 7, 16))
            one.load_state_dict(method.network.state_dict())
            known = states_of(torch.as_tensor(TRUTH.pilots), 4)
            for _ in range(3):
                one.zero_grad()
                logits = one(x[row, block, :, :15].mT[None])[0]
                torch.nn.functional.cross_entropy(logits, known).backward()
                with torch.no_grad():
                    for p in one.parameters():
                        p -= 0.5 * p.grad
            one.zero_grad()
            logits = one(x[row, block, :, 15:].mT[None])[0]
            torch.nn.functional.cross_entropy(logits, states_of(s[row, block], 4)).backward()
            for total, p in zip(expected, one.parameters(), strict=True):
                total += p.grad / 2
    for p, value in zip(method.network.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, value, rtol=1e-8, atol=1e-10)
    with pytest.raises(ValueError, match="n_pilots is 0"):
        MetaViterbinet(TRUTH.believed(n_pilots=0))
