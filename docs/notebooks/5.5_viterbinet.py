# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5.5 ViterbiNet
#
# A channel with memory mixes each symbol with those before it. The Viterbi algorithm finds the most
# probable sequence, if it is told how probable a value is of each state. ViterbiNet keeps the
# algorithm, and lets a small network say that.
#
# $$\hat s = \arg\max \sum_t \log p_\theta(z_t \mid x_t) , \qquad z_t = (s_{t-L+1}, \dots, s_t) .$$
#
# The network is trained to tell states from single values, by their cross-entropy: 16 of them for
# a memory of four symbols $\pm 1$.

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, MODEL_BASED_GREYS, RC

plt.rcParams.update(RC)


def error_rate(method, data):
    """The share of symbols that are decided wrongly."""
    return np.mean(np.sign(method.estimate(data.x)) != data.s)


# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("receivers_pilots")
print("Taps of three channels:", truth.taps.round(2).tolist())
test = truth.draw(200, "test", 0)

# %% [markdown]
# ## Method

# %%
network = mbdl.load("receivers_pilots", "viterbinet")
print(
    "trained on", network.made_by["n_train"], "frames of", truth.n_symbols, "symbols, at", end=" "
)
print(truth.snr_db, "dB")
print(f"ViterbiNet {error_rate(network, test):.4f},", end=" ")
print(f"Viterbi, told the channel, {error_rate(mbdl.receivers.Viterbi(truth), test):.4f}")

# %% [markdown]
# ## Figure
#
# The network was trained at one SNR. What is left of it at others?

# %%
levels_db = np.arange(2.0, 11.0)
lines = {"Viterbi, told the channel": [], "ViterbiNet, trained at 8 dB": [], "all else known": []}
for snr_db in levels_db:
    at = truth.believed(snr_db=float(snr_db))
    data = at.draw(200, "test", 0)
    rates = (
        error_rate(mbdl.receivers.Viterbi(at), data),
        error_rate(network, data),
        mbdl.receivers.bounds.matched_filter_bound(at),
    )
    for line, rate in zip(lines.values(), rates, strict=True):
        line.append(rate)
figure, axes = plt.subplots(figsize=(6.5, 3.8))
looks = (
    {"color": MODEL_BASED_GREYS[0]},
    {"color": COLOURS[network.family], "marker": "o"},
    {"color": "black", "ls": "--"},
)
for (name, line), look in zip(lines.items(), looks, strict=True):
    axes.semilogy(levels_db, line, label=name, **look)
axes.set(xlabel="SNR, 1/σ² (dB)", ylabel="symbol error rate", title="The algorithm stays")
_ = axes.legend(loc="lower left")

# %% [markdown]
# ## Predict, then check
#
# *With 100 pilots, is the network ahead of four taps that are fitted to them by least squares? And
# where the output saturates, which no taps describe?*

# %%
for row in mbdl.verdicts("receivers_pilots").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# ## Exercises
#
# **1. Which errors of the taps?** In the published figure the Viterbi algorithm that is told taps
# with errors of variance 0.1 stays at an error rate of 0.085 at 10 dB. Relative errors or absolute
# ones? Of each frame, or of each symbol?

# %% tags=["hide-cell"]
# Solution: believe in each. The network there was trained with relative errors of each frame.
channels = mbdl.scenario("5.5_viterbinet").believed(snr_db=10.0)
data = channels.draw(10, "test", 0)
for kind in ("relative", "absolute"):
    for drawn in ("frame", "symbol"):
        belief = channels.believed(tap_error_variance=0.1, tap_errors=kind, tap_errors_drawn=drawn)
        rate = error_rate(mbdl.receivers.Viterbi(belief, decision_lag=3), data)
        print(f"{kind} errors, of each {drawn}: {rate:.3f}")

# %% [markdown]
# **2. A decision three symbols later.** The published code does not trace the best sequence back
# from its end: it takes the oldest symbol of the state that is best at each time. What does that
# cost on a channel with a long memory, $\gamma = 0.2$, and on one with a short one, $\gamma = 1$?

# %% tags=["hide-cell"]
# Solution: compare them channel by channel.
data = truth.draw(1000, "test", 1)
whole = mbdl.receivers.Viterbi(truth).estimate(data.x) != data.s
lagged = mbdl.receivers.Viterbi(truth, decision_lag=3).estimate(data.x) != data.s
for c, decay in enumerate(truth.decays):
    print(f"γ = {decay}: {lagged[:, c].mean() / whole[:, c].mean():.2f} times the errors")

# %% [markdown]
# **3. Count the errors.** A rate of $10^{-4}$ from $10^5$ symbols stands on ten errors. What is the
# 95 % interval of such a rate? (Errors come in bursts, which makes it wider still.)

# %% tags=["hide-cell"]
# Solution: the interval of Clopper and Pearson, from quantiles of the beta distribution.
from scipy.stats import beta

errors, symbols = 10, 100_000
low = beta.ppf(0.025, errors, symbols - errors + 1)
high = beta.ppf(0.975, errors + 1, symbols - errors)
print(f"from {low:.1e} to {high:.1e}: the ends differ by a factor of {high / low:.1f}")
