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
# # A method in class
#
# You write a new method in a dozen lines, in a cell, and compare it with ISTA and LISTA: on the
# same signals, with intervals, and with every method's numbers learned counted.
#
# Ours unfolds FISTA: each layer has a step $\mu_k$, a threshold $\beta_k$ and a share $\gamma_k$ of
# the last move, $3K$ numbers in all, and keeps $H$ as it is:
#
# $$z_k = \hat s_k + \gamma_k (\hat s_k - \hat s_{k-1}), \qquad
#   \hat s_{k+1} = \mathcal T_{\beta_k}\big(z_k + \mu_k H^\top (x - H z_k)\big).$$

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import mbdl_repro as mbdl
from mbdl_repro.figures.style import RC

plt.rcParams.update(RC)

# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("5.06")
x, s = truth.draw(500, "test", 0)

# %% [markdown]
# ## Method
#
# A name, a place on the continuum, what is learned (`nn.Parameter`), and the iterates. Fitting,
# early stopping and estimating on arrays come with the class.


# %%
class UnfoldedFista(mbdl.IterativeMethod):
    """K steps of ISTA that go on with a learned share of the last move."""

    name = "unfolded_fista"
    family = mbdl.Family.UNFOLDED_HYPERPARAMETERS

    def __init__(self, belief, *, iterations: int = 5, step: float = 0.6, rho: float = 0.1):
        super().__init__()
        self.register_buffer("H", torch.tensor(belief.H))
        start = torch.tensor([step, step * rho, 0.1], dtype=torch.float64)
        self.numbers = torch.nn.Parameter(start.repeat(iterations, 1))

    def iterates(self, x):
        s = last = x.new_zeros(len(x), self.H.shape[1])
        yield s
        for step, threshold, share in self.numbers:
            z = s + share * (s - last)
            z = z + step * (x - z @ self.H.mT) @ self.H
            s, last = z.sign() * (z.abs() - threshold).clamp_min(0), s
            yield s


# %% [markdown]
# And the comparison: two rivals that are tuned for five iterations, one that learns $2K$ numbers,
# and the kept LISTA with its matrices.

# %%
area, Candidate = mbdl.sparse_recovery, mbdl.Candidate
compared = mbdl.compare(
    {
        "ISTA": Candidate(
            area.Ista, iterations=5, tune={"rho": [0.03, 0.05, 0.1], "step": [0.5, 0.7]}
        ),
        "FISTA": Candidate(
            area.Fista, iterations=5, tune={"rho": [0.03, 0.05, 0.1], "step": [0.5, 0.7]}
        ),
        "learned steps": Candidate(area.StepLista, iterations=5, rho=0.1, step=0.6),
        "ours": UnfoldedFista,
        "LISTA": mbdl.load("5.06", "lista"),
    },
    truth,
    bounds=["oracle_bayes"],
    n_train=500,
    n_validation=200,
    n_test=500,
    seeds=3,
    recipe=mbdl.Recipe(learning_rate=0.02, steps=150, batch_size=64, validate_every=50),
)
print(compared)

# %% [markdown]
# ## Figure

# %%
figure, axes = plt.subplots(figsize=(6.5, 2.8))
_ = compared.plot(axes=axes).set_title("Five iterations each (in brackets: numbers learned)")

# %% [markdown]
# ## Predict, then check
#
# *By what factor does our method beat the learned steps alone? Is the whole interval on one side
# of 1?* Ratios are of errors, seed by seed, on the same signals:

# %%
print(compared.against("learned steps").round(4).to_string(index=False))

# %% [markdown]
# What is claimed, and tested, of LISTA itself:

# %%
for row in mbdl.verdicts("5.06").query("left == 'lista (n_train 1000)'").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# ## Exercises
#
# **1. What did it learn?** Fit it once, and print steps, thresholds and shares of all layers.

# %% tags=["hide-cell"]
# Solution: fit takes pairs for training and others for early stopping.
mine = UnfoldedFista(truth)
recipe = mbdl.Recipe(learning_rate=0.02, steps=150, batch_size=64, validate_every=50)
mine.fit(truth.draw(500, "train", 0), truth.draw(200, "validation", 0), recipe)
for name, column in zip(("μ", "β", "γ"), mine.numbers.detach().T, strict=True):
    print(f"{name}_k:", column.numpy().round(3))

# %% [markdown]
# **2. A function is a method, too.** Compare the minimum-norm estimate $H^+ x$, written in one
# line of NumPy, with the linear MMSE rule.

# %% tags=["hide-cell"]
# Solution: whatever maps an array of observations to one of estimates can be compared.
inverse = np.linalg.pinv(truth.H)
print(
    mbdl.compare(
        {"minimum norm": lambda x: x @ inverse.T, "linear MMSE": area.LinearMMSE},
        truth,
        n_train=1,
        n_validation=1,
        n_test=500,
        seeds=3,
    )
)

# %% [markdown]
# **3. Say how it may not be used.** Give $K$ a type that allows positive numbers only, and see
# what the package says to $K = 0$.

# %% tags=["hide-cell"]
# Solution: types of settings are checked when a method is built.
from typing import Annotated

from annotated_types import Ge


class Checked(mbdl.Method):
    """The zero estimate, K times."""

    name = "checked"
    family = mbdl.Family.MODEL_BASED

    def __init__(self, belief, *, iterations: Annotated[int, Ge(1)] = 5):
        super().__init__()
        self.n_signal = belief.n_signal

    def forward(self, x):
        return x.new_zeros(len(x), self.n_signal)


try:
    Checked(truth, iterations=0)
except ValueError as message:
    print(message)
