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
# # 5.4 Learned ADMM
#
# ADMM has three numbers that are set by hand, and they decide how good it is and how fast. Learned
# from a thousand signals, they make it far faster, and it ends where a careful search by hand would
# have ended, too.
#
# With $\rho$, $\lambda$, $\mu$ the same in every iteration, and ADMM run until it has converged:
#
# $$\min_{\rho, \lambda, \mu} \;
#   \sum_i \big\| \hat s(x^{(i)}; \rho, \lambda, \mu) - s^{(i)} \big\|^2 .$$

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, MODEL_BASED_GREYS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("5.04")
x, s = truth.draw(200, "test", 0)

# %% [markdown]
# ## Method
#
# The kept weights: three numbers.

# %%
learned, book = mbdl.load("5.04", "learned_admm"), mbdl.load("5.04", "admm_book")
rho, penalty = learned.log_rho.exp().item(), learned.log_penalty.exp().item()
print(f"learned: ρ = {rho:.4f}, λ = {penalty:.3f}, μ = {learned.learned_dual_step.item():.3f}")
print("by hand:", {k: book.made_by["settings"][k] for k in ("rho", "penalty", "dual_step")})

# %% [markdown]
# ## Figure

# %%
figure, axes = plt.subplots(figsize=(6.5, 3.6))
lasso = mbdl.load("5.04", "lasso")
goal = np.square(lasso.estimate(x) - s).sum(1).mean()
axes.axhline(goal, color=TARGET, linewidth=4, label="LASSO, ρ tuned on a grid")
colours = {"ADMM, set by hand": MODEL_BASED_GREYS[0], "learned ADMM": COLOURS[learned.family]}
for (name, colour), method in zip(colours.items(), (book, learned), strict=True):
    errors = np.square(mbdl.iterates(method, x) - s).sum(2).mean(1)
    axes.loglog(np.arange(1, len(errors)), errors[1:], color=colour, label=name)
axes.set(xlabel="iteration", ylabel="squared error", title="Three learned numbers")
_ = axes.legend()

# %% [markdown]
# ## Predict, then check
#
# *Is learning better than a search?* The LASSO has one number, $\rho$, which a grid of four values
# can choose. Say before you look: is learned ADMM worse, as good, or better by a tenth?

# %%
for row in mbdl.verdicts("5.04").itertuples():
    print(f"{row.verdict:9} {row.claim} ({row.left_value:.5f} against {row.right})")

# %% [markdown]
# ## Exercises
#
# **1. Which of the three matters for what?** Put the learned $\rho$ into ADMM by hand with
# the book's $\lambda$ and $\mu$, and the book's $\rho$ with the learned $\lambda$ and $\mu$.

# %% tags=["hide-cell"]
# Solution: ρ says where it ends; λ and μ say when it is there.
hand, mu = book.made_by["settings"], learned.learned_dual_step.item()
settings = {
    "ρ learned, λ and μ by hand": (rho, hand["penalty"], hand["dual_step"]),
    "ρ by hand, λ and μ learned": (hand["rho"], penalty, mu),
    "all learned": (rho, penalty, mu),
}
for name, (r, lam, m) in settings.items():
    one = mbdl.sparse_recovery.Admm(truth, rho=r, penalty=lam, dual_step=m, iterations=200)
    errors = np.square(mbdl.iterates(one, x[:50]) - s[:50]).sum(2).mean(1)
    print(f"{name}: {errors[20]:.4f} after 20 iterations, {errors[200]:.4f} after 200")

# %% [markdown]
# **2. Learn it yourself.** Fit `LearnedAdmm` from $\rho = 0.1$, ten times the start of the
# experiment, for a few steps. Does it find its way?

# %% tags=["hide-cell"]
# Solution: it is fitted like any method; few iterations are enough to see where ρ goes.
mine = mbdl.sparse_recovery.LearnedAdmm(
    truth, iterations=40, rho=0.1, penalty=0.25, dual_step=1.5, gap_tolerance=1e-4
)
before = mine.loss_on(mbdl.Split(*map(mine._tensor, (x, s))))
recipe = mbdl.Recipe(learning_rate=0.1, steps=40, batch_size=64, validate_every=20)
mine.fit(truth.draw(500, "train", 0), truth.draw(200, "validation", 0), recipe)
after = np.square(mine.estimate(x) - s).sum(1).mean()
print(f"ρ = {mine.log_rho.exp().item():.4f}; error {before:.4f} before, {after:.4f} after")

# %% [markdown]
# **3. Validation on the test set.** The published code validates on its test set. Three numbers
# have little room to fit a thousand signals by heart. Measure it: choose $\rho$ of the LASSO on
# the test signals, and on others, with sets of 10 and of 200 signals.

# %% tags=["hide-cell"]
# Solution: what it flatters shrinks fast with the size of the set; see Example 5.6 for a method
# of seventy thousand weights.
rhos = np.geomspace(0.008, 0.03, 12)
pairs = {"test": (x, s), "validation": truth.draw(200, "validation", 0)}
losses = {
    name: np.array(
        [np.square(mbdl.sparse_recovery.Lasso(truth, rho=r).estimate(a) - b).sum(1) for r in rhos]
    )
    for name, (a, b) in pairs.items()
}
for size in (10, 200):
    sets = {name: loss.reshape(12, -1, size).mean(2) for name, loss in losses.items()}
    honest = np.take_along_axis(sets["test"], sets["validation"].argmin(0)[None], 0).mean()
    flattered = sets["test"].min(0).mean()
    print(f"{size:3} signals a set: too good by {100 * (1 - flattered / honest):.2f} %")
