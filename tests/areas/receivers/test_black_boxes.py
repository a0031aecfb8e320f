"""Networks that replace the whole of a detector, against loops."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.receivers.learned.symbol_network import windows
from mbdl_repro.areas.receivers.methods.lstm_detector import LstmDetector
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory

TRUTH = FiniteMemory(decays=(0.3, 1.0), n_taps=3, n_symbols=9, n_antennas=2, snr_db=4.0)


@pytest.fixture
def lstm():
    method = LstmDetector(TRUTH, hidden_size=4)
    method.initialize(None, torch.Generator().manual_seed(0))
    return method


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def states_by_loops(seen, A, B, b):
    """Of one direction: hidden states of inputs (T, n_in), one after the other."""
    h = c = np.zeros(B.shape[1])
    found = []
    for z in seen:
        i, f, g, o = np.split(A @ z + B @ h + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        found.append(h)
    return np.array(found)


def test_it_is_the_recursion_in_both_directions(lstm):
    x = TRUTH.draw(3, "test", 0).x
    state = {name: value.numpy() for name, value in lstm.state_dict().items()}
    A, B, b = (state[f"memory.{name}"] for name in ("of_input", "of_hidden", "bias"))
    for row, channel in np.ndindex(3, 2):
        # Of each symbol the values that it has a part in, of both antennas.
        seen = [x[row, channel, :, t : t + 3].flatten() for t in range(9)]
        on = states_by_loops(seen, A[channel, 0], B[channel, 0], b[channel, 0])
        back = states_by_loops(seen[::-1], A[channel, 1], B[channel, 1], b[channel, 1])[::-1]
        weight, offset = state["network.weights.0"][channel], state["network.offsets.0"][channel]
        logits = (np.hstack([on, back]) @ weight + offset)[:, 0]
        found = lstm.estimate(x)[row, channel]
        np.testing.assert_allclose(found, 2 * sigmoid(logits) - 1, atol=1e-12)


def test_gradients_reach_every_weight(lstm):
    x, s = map(torch.as_tensor, TRUTH.draw(4, "test", 0))
    lstm.loss(x, s).backward()
    for name, tensor in lstm.named_parameters():
        assert (tensor.grad != 0).all(), name


@pytest.mark.parametrize("direction", [0, 1])
def test_a_direction_alone_sees_what_came_or_what_comes(lstm, direction):
    """The window of symbol t goes from value t to value t + 2."""
    with torch.no_grad():
        lstm.network.weights[0][:, 4 * (1 - direction) :][:, :4] = 0
    x = torch.as_tensor(TRUTH.draw(4, "test", 0).x)
    changed = x.clone()
    changed[..., 5] += 1.0
    moved = (lstm.logits(changed) != lstm.logits(x)).flatten(0, 1)
    seen = [t >= 3 for t in range(9)] if direction == 0 else [t <= 5 for t in range(9)]
    assert (moved == torch.tensor(seen)).all()


def test_channels_and_rows_do_not_see_each_other(lstm):
    x = torch.as_tensor(TRUTH.draw(4, "test", 0).x)
    changed = x.clone()
    changed[1, 0] += 1.0
    moved = (lstm.logits(changed) != lstm.logits(x)).any(2)
    assert moved.nonzero().tolist() == [[1, 0]]


def test_windows_go_over_the_ends_of_a_frame_in_zeros():
    x = torch.as_tensor(TRUTH.draw(2, "test", 0).x)
    found = windows(x, 5, 1)
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1)))
    assert found.shape == (2, 2, 9, 10)
    for channel, row, t in np.ndindex(2, 2, 9):
        expected = padded[row, channel, :, t : t + 5].flatten()
        np.testing.assert_array_equal(found[channel, row, t], expected)
