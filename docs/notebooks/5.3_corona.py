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
# # 5.3 CORONA
#
# An ultrasound movie $X$, frames by pixels, shows tissue that moves little, $L$, and bubbles of a
# contrast agent that flow through it, $S$. Robust PCA takes them apart,
#
# $$ \min_{L, S} \tfrac12 \|X - L - S\|^2 + \lambda_L \|L\|_* + \lambda_S \|S\|_1 , $$
#
# by steps that shrink singular values of $L$ and entries of $S$. CORONA makes a few such steps,
# with learned convolutions in place of the numbers in front of $X$, $L$ and $S$.

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import RC

plt.rcParams.update(RC)


def error_db(estimate, data):
    """The error of the bubbles, in dB over their energy: 0 for who sees none."""
    return 10 * np.log10(
        np.square(np.abs(estimate - data.s)).sum() / np.square(np.abs(data.s)).sum()
    )


# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("5.3_corona")
test = truth.draw(40, "test", 0)
print("movies, frames, pixels:", test.x.shape)
tissue = (test.x - test.s).reshape(40, truth.n_frames, -1)
power = np.square(np.linalg.svd(tissue)[1]).mean(0)
print("shares of tissue's power by dimension:", np.round(power / power.sum(), 4)[:5])

# %% [markdown]
# ## Method

# %%
corona = mbdl.load("5.3_corona", "corona")
numbers = mbdl.load("5.3_corona", "unfolded_robust_pca")
pca = mbdl.load("5.3_corona", "robust_pca")
filtered = mbdl.low_rank_sparse.SvdFilter(truth, n_removed=2)
methods = {"SVD filter": filtered, "robust PCA": pca, "unfolded": numbers, "CORONA": corona}
found = {name: method.estimate(test.x) for name, method in methods.items()}
for name, s in found.items():
    print(f"{name}: {error_db(s, test):.1f} dB")

# %% [markdown]
# ## Figure
#
# The power of all frames of a movie, where bubbles draw their paths, and what methods see of them.

# %%
figure, axes = plt.subplots(1, 6, figsize=(9, 1.9), layout="constrained")
shown = {"observed": test.x, "bubbles": test.s, **found}
for axis, (name, movies) in zip(axes, shown.items(), strict=True):
    white = test.x if name == "observed" else test.s
    top = np.sqrt(np.square(np.abs(white[0])).mean(0)).max()
    axis.imshow(np.sqrt(np.square(np.abs(movies[0])).mean(0)), cmap="gray", vmin=0, vmax=top)
    axis.set_title(name)
    axis.axis("off")

# %% [markdown]
# ## Predict, then check
#
# *Five layers against robust PCA that has converged: how much of a lead do convolutions give, and
# how much do steps and thresholds give alone? Does a network that knows of no rank come near?*

# %%
for row in mbdl.verdicts("5.3_corona").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# ## Exercises
#
# **1. One dimension too few, one too many.** The SVD filter takes the largest singular values for
# tissue. What does it cost to take one, or four?

# %% tags=["hide-cell"]
# Solution: one leaves tissue behind; beyond two, what is taken out is bubbles.
for n in (1, 2, 3, 4):
    s = mbdl.low_rank_sparse.SvdFilter(truth, n_removed=n).estimate(test.x)
    print(f"{n} removed: {error_db(s, test):.1f} dB")

# %% [markdown]
# **2. A ridge.** Halve and double $\lambda_S$ of robust PCA, and then both weights together. Which
# of the two has to be tuned with care?

# %% tags=["hide-cell"]
# Solution: their ratio. Both together may be halved at hardly any loss.
weight, ratio = pca.low_rank_weight, pca.sparse_weight / pca.low_rank_weight
for a, b in ((1, 1), (1, 0.5), (1, 2), (0.5, 1), (2, 1)):
    other = mbdl.low_rank_sparse.RobustPca(
        truth, iterations=80, low_rank_weight=a * weight, sparse_ratio=b * ratio
    )
    print(f"λ_L × {a}, λ_S × {a * b}: {error_db(other.estimate(test.x), test):.1f} dB")

# %% [markdown]
# **3. More motion.** Let tissue go twice as far. Who loses most?

# %% tags=["hide-cell"]
# Solution: the SVD filter, which removes as many dimensions as at home.
farther = truth.believed(motion_mm=2 * truth.motion_mm).draw(40, "test", 0)
for name, method in methods.items():
    print(f"{name}: {error_db(method.estimate(farther.x), farther):.1f} dB")
