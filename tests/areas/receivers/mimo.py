"""Small linear channels of many users, and how often a method errs on them."""

import dataclasses

from mbdl_repro.areas.receivers.metrics import bit_error_rate
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo

FOUR = LinearMimo(snr_db=8.0, n_symbols=100)
COMPLEX = LinearMimo(
    n_users=2, n_antennas=3, constellation="qpsk", channel="iid", n_symbols=5, snr_db=6.0
)
DENSE = dataclasses.replace(COMPLEX, constellation="16qam", snr_db=12.0)


def rate(method, split, truth):
    return bit_error_rate(method.estimate(split.x), split, truth).mean()
