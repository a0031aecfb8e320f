"""Detection through a channel with memory: ours, all frames at once, beside others', one by one.

hmmlearn's compiled Viterbi and forward-backward algorithms solve the same problem: hidden states,
and how probable each value is of each. scikit-commpy has none for channels with memory: it decodes
words of a convolutional code with as many states, in loops of Python.
"""

from timing import one_thread, seconds, show

one_thread()

import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

from mbdl_repro.areas.receivers.methods.bcjr import Bcjr  # noqa: E402
from mbdl_repro.areas.receivers.methods.viterbi import Viterbi  # noqa: E402
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory  # noqa: E402
from mbdl_repro.areas.receivers.trellis.states import (  # noqa: E402
    guarded,
    predecessors,
    symbols_of_states,
)

try:
    from commpy.channelcoding import Trellis, conv_encode, map_decode, viterbi_decode
    from hmmlearn import _hmmc
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: pip install hmmlearn scikit-commpy")

TRUTH = FiniteMemory(decays=(0.2,), n_symbols=500, snr_db=6.0)
N_FRAMES = 1000
REPEATS = 3


def transitions(n_taps: int) -> np.ndarray:
    """Return how probable each state (row) is followed by each (column), S × S."""
    before = predecessors(n_taps).numpy()
    table = np.zeros((len(before), len(before)))
    table[before, np.arange(len(before))[:, None]] = 0.5
    return table


def hmm_viterbi(seen: np.ndarray) -> np.ndarray:
    """Return the newest symbols (n, T') of the best paths, of log-likelihoods (n, T', S)."""
    moves = transitions(TRUTH.n_taps)
    start = np.full(len(moves), 1 / len(moves))
    paths = np.stack([_hmmc.viterbi(start, moves, one)[1] for one in seen])
    return symbols_of_states(TRUTH.n_taps).numpy()[paths, 0]


def hmm_means(seen: np.ndarray) -> np.ndarray:
    """Return the posterior means (n, T') of the newest symbols, of log-likelihoods (n, T', S)."""
    moves = transitions(TRUTH.n_taps)
    start = np.full(len(moves), 1 / len(moves))
    newest = symbols_of_states(TRUTH.n_taps).numpy()[:, 0]
    found = []
    for one in np.exp(seen - seen.max(2, keepdims=True)):
        _, forwards, scale = _hmmc.forward_scaling(start, moves, one)
        weights = forwards * _hmmc.backward_scaling(start, moves, one, scale)
        found.append(weights @ newest / weights.sum(1))
    return np.stack(found)


def time_a_symbol(name: str, detect: Callable[[], Any], n_symbols: int, repeats: int) -> float:
    """Return the seconds that a symbol takes."""
    print(f"{name} …", file=sys.stderr)
    return seconds(detect, repeats) / n_symbols


def main() -> None:
    """Compare both algorithms with both libraries."""
    x, s = TRUTH.draw(N_FRAMES, "benchmark")
    ours = {"Viterbi": Viterbi(TRUTH), "BCJR": Bcjr(TRUTH)}
    seen = guarded(ours["BCJR"].log_likelihood(torch.as_tensor(x)), TRUTH.n_taps)[:, 0].numpy()
    hmm = {"Viterbi": hmm_viterbi, "BCJR": hmm_means}

    code = Trellis(np.array([4]), np.array([[0o23, 0o35]]))
    bits = np.random.default_rng(0).integers(0, 2, TRUTH.n_symbols)
    sent = 1.0 - 2.0 * conv_encode(bits, code)
    commpy = {
        "Viterbi": lambda: viterbi_decode(-sent, code, decoding_type="unquantized"),
        "BCJR": lambda: map_decode(-sent[::2], -sent[1::2], code, 1.0, np.zeros(len(sent) // 2)),
    }
    rows = []
    for algorithm, method in ours.items():
        answer = method.estimate(x)
        other = hmm[algorithm](seen)[:, : TRUTH.n_symbols]
        difference = np.abs(answer[:, 0] - other).max()
        mine = time_a_symbol(f"ours, {algorithm}", lambda: method.estimate(x), s.size, REPEATS)  # noqa: B023
        theirs = {
            "hmmlearn, compiled": time_a_symbol(
                "hmmlearn",
                lambda: hmm[algorithm](seen),  # noqa: B023
                s.size,
                REPEATS,
            ),
            "scikit-commpy, a code of 16 states": time_a_symbol(
                "scikit-commpy", commpy[algorithm], TRUTH.n_symbols, 1
            ),
        }
        rows.append((algorithm, "ours", f"{mine * 1e6:.2f}", "1", ""))
        rows += [
            (
                algorithm,
                name,
                f"{time * 1e6:.2f}",
                f"{time / mine:.1f}",
                f"{difference:.0e}" if "hmm" in name else "another problem",
            )
            for name, time in theirs.items()
        ]
    show("receivers", ("algorithm", "whose", "µs a symbol", "over ours", "differ by"), rows)


if __name__ == "__main__":
    main()
