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
# # 5.1 Learn the model, or learn the estimator?
#
# The same training pairs can be used in two ways: to fit the unknown part of a model and derive
# the estimator from it, or to fit the estimator itself. The first needs fewer pairs while the model
# is right; where it is wrong, no number of pairs helps.
#
# The signal and its observation are Gaussian, and $H$ is not known:
#
# $$x = H s + w, \qquad s \sim \mathcal N(0, C_s), \quad w \sim \mathcal N(0, \sigma^2 I).$$
#
# *Generative*: estimate $H$ by least squares, and put it into the posterior mean,
# $\hat s = C_s \hat H^\top (\hat H C_s \hat H^\top + \sigma^2 I)^{-1} x$.
# *Discriminative*: fit $\hat s = A x + b$ itself by least squares.

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, RC, blend

plt.rcParams.update(RC)

# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("5.01")
x, s = truth.draw(100, "train", 0)

# %% [markdown]
# ## Method
#
# Each candidate has its own *belief*: what its designer knows.

# %%
area, Candidate = mbdl.linear_estimation, mbdl.Candidate
rivals = {
    "knows all": area.LinearMMSE,
    "generative": Candidate(area.Generative, belief=mbdl.scenario("5.01", "unknown_matrix")),
    "generative, wrong prior": Candidate(
        area.Generative, belief=mbdl.scenario("5.01", "wrong_prior")
    ),
    "discriminative": Candidate(area.Discriminative, belief=mbdl.scenario("5.01", "nothing")),
}
sizes = [42, 97, 222, 511, 1777]
results = {n: mbdl.compare(rivals, truth, n_train=n, n_test=200, seeds=8) for n in sizes}
print(results[97])

# %% [markdown]
# ## Figure

# %%
figure, axes = plt.subplots(figsize=(6.5, 3.8))
for name in rivals:
    rows = [found.table.query("method == @name").iloc[0] for found in results.values()]
    mean, low, high = (np.array([row[c] for row in rows]) for c in ("mean", "ci_low", "ci_high"))
    wrong = "wrong" in name
    family = mbdl.Family.titled(rows[0]["family"])
    look = {"color": blend(COLOURS[family], 0.4 if wrong else 0), "ls": "--" if wrong else "-"}
    axes.errorbar(sizes, mean, (mean - low, high - mean), marker="o", capsize=3, label=name, **look)
axes.set(xscale="log", yscale="log", xlabel="training pairs", ylabel="squared error")
axes.set(title="A right model saves data, a wrong one never heals")
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
axes.minorticks_off()
_ = axes.legend()

# %% [markdown]
# ## Predict, then check
#
# Beside these stands a black-box network that knows nothing at all. *With fewer than a hundred
# pairs, is the linear rule, which the model suggests, better than the network?*

# %%
for row in mbdl.verdicts("5.01").query("left.str.startswith('discriminative')").itertuples():
    remark = f"  ({row.remark})" if row.verdict == "fails" else ""
    print(f"{row.verdict:9} {row.claim}{remark}")

# %% [markdown]
# ## Exercises
#
# **1. One training set a point.** The published figure has one training set for each of its
# points. With 42 pairs, how far apart are two training sets?

# %% tags=["hide-cell"]
# Solution: so far that one set cannot tell much: see the spread over seeds of the discriminative
# rule. Intervals over seeds say it.
few = results[42].rows.pivot(index="seed", columns="method", values="value")
print(few[["generative", "discriminative"]].describe().loc[["mean", "std", "min", "max"]].round(2))

# %% [markdown]
# **2. A fair comparison is made in pairs.** In each seed all methods meet the same pairs. By what
# factor does the discriminative rule lose against the generative one, with its interval?

# %% tags=["hide-cell"]
# Solution: positive errors compare by their ratio, seed by seed.
for n in sizes:
    ratios = results[n].against("generative").set_index("method")
    row = ratios.loc["discriminative"]
    print(f"{n:5} pairs: {row['ratio']:.2f}, from {row['ci_low']:.2f} to {row['ci_high']:.2f}")

# %% [markdown]
# **3. Where the wrong prior wins.** The wrong prior $C_s = I$ is far from the truth, and loses.
# Write down a prior that is wrong by less, $C_s = 0.2\, I$, and see which of the three
# beliefs you would rather have with 97 pairs.

# %% tags=["hide-cell"]
# Solution: a prior that is nearly right is still worth having with so few pairs; ratios are of
# errors to that of the rule that knows all.
nearly = truth.believed(observation_matrix=None, signal_covariance=0.2 * np.eye(truth.n_signal))
rivals["generative, C_s = 0.2 I"] = Candidate(area.Generative, belief=nearly)
print(mbdl.compare(rivals, truth, n_train=97, n_test=200, seeds=8).against("knows all"))
