"""Belief propagation of 1000 words: ours, all at once, beside the compiled decoder of ldpc.

Both make the same iterations of the sum-product or of the min-sum rule, in double precision. ldpc
decodes one word after another, and stops where all checks hold; ours makes all iterations. How many
words are decided alike says whether they compute the same: not quite, as one who goes on may leave
a word again.
"""

from timing import one_thread, seconds, show

one_thread()

import sys  # noqa: E402
from functools import partial  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

from mbdl_repro.areas.receivers.methods.belief_propagation import BeliefPropagation  # noqa: E402
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords  # noqa: E402

try:
    import ldpc
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: pip install ldpc")

N_WORDS, ITERATIONS, REPEATS = 1000, 10, 5
CODES = ("bch_63_45", "bch_63_36", "ldpc_96_48")
RULES = {"sum_product": "product_sum", "min_sum": "minimum_sum"}


def by_ldpc(truth: CodedWords, x: np.ndarray, rule: str) -> tuple[np.ndarray, float]:
    """Decode word by word, told how probable it is of each bit that noise turned it.

    Args:
        truth: the code, and Eb/N0.
        x: values received (n, N).
        rule: as ours are called.

    Returns:
        Decisions ±1 (n, N), and how many iterations were made on average.
    """
    H = truth.linear_code.H
    decoder = ldpc.BpDecoder(
        H,
        error_rate=0.1,
        max_iter=ITERATIONS,
        bp_method=RULES[rule],
        input_vector_type="received_vector",
    )
    received = (x < 0).astype(np.uint8)
    ratios = np.minimum(2 * np.abs(x) / truth.noise_std**2, 20.0)
    probabilities = 1 / (1 + np.exp(ratios))
    decided, made = np.empty_like(x), 0
    for row, word, p in zip(decided, received, probabilities, strict=True):
        decoder.update_channel_probs(p)
        row[:] = 1 - 2.0 * decoder.decode(word)
        made += decoder.iter
    return decided, made / len(x)


def main() -> None:
    """Time both on each code and rule, on the same words."""
    torch.set_num_threads(1)
    rows = []
    for code in CODES:
        truth = CodedWords(code=code, ebn0_db=4.0)
        x, s = truth.draw(N_WORDS, "test")
        for rule in RULES:
            ours = BeliefPropagation(truth, iterations=ITERATIONS, rule=rule)
            theirs = partial(by_ldpc, truth, x, rule)
            decided, made = theirs()
            answers = np.sign(ours.estimate(x)), decided
            taken = [seconds(partial(ours.estimate, x), REPEATS), seconds(theirs, REPEATS)]
            alike = np.mean((answers[0] == answers[1]).all(1))
            iterations = (ITERATIONS, made)
            for name, answer, t, k in zip(
                ("ours", "ldpc"), answers, taken, iterations, strict=True
            ):
                wrong = np.mean((answer != s).any(1))
                rows.append(
                    (
                        f"{code}, {rule}",
                        name,
                        f"{t:.3f}",
                        f"{k:.1f}",
                        f"{wrong:.3f}",
                        f"{alike:.3f}",
                        f"{t / taken[0]:.2f}",
                    )
                )
    show(
        "decoding",
        ("1000 words", "decoder", "seconds", "iterations", "words wrong", "alike", "times ours"),
        rows,
    )


if __name__ == "__main__":
    main()
