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
# # 3.6 Sparse recovery by iterative soft thresholding
#
# A signal of a thousand entries, nearly all of them zero, is found from a quarter as many
# measurements. It works, or fails altogether, with one number that is set by hand.
#
# The signal is observed as $x = H s + w$. ISTA goes down the LASSO objective
#
# $$\tfrac12 \|x - H s\|_2^2 + \rho \|s\|_1$$
#
# by a gradient step, then a soft threshold:
#
# $$\hat s_{k+1} = \mathcal T_{\mu\rho}\big(\hat s_k + \mu H^\top (x - H \hat s_k)\big), \qquad
#   \mathcal T_\beta(z) = \operatorname{sign}(z) \max(|z| - \beta, 0).$$

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import MODEL_BASED_GREYS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("3.06")
x, s = truth.draw(20, "test", 0)
x.shape, s.shape

# %% [markdown]
# ## Method
#
# Both settings of the book, as the experiment has them. `step` is $\mu$, `rho` is $\rho$.

# %%
good, strong = mbdl.load("3.06", "ista"), mbdl.load("3.06", "ista_strong")
for method in (good, strong):
    print(method.made_by["label"], method.made_by["settings"])

# %% [markdown]
# ## Figure

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
for ax, method in zip(axes, (good, strong), strict=True):
    answer, entries = method.estimate(x), np.flatnonzero(s[0])
    ax.vlines(entries, 0, s[0, entries], color=TARGET, linewidth=5, label="signal s")
    found = np.flatnonzero(np.abs(answer[0]) > 1e-3)
    ax.vlines(found, 0, answer[0, found], color="#222222", linewidth=1)
    ax.plot(found, answer[0, found], "o", color="#222222", label="ISTA")
    error = np.square(answer - s).sum(1).mean()
    ax.set(title=f"ρ = {method.made_by['settings']['rho']}: mean squared error {error:.3f}")
    ax.set(xlabel="entry of s", xlim=(0, truth.n_signal))
axes[0].set_ylabel("value")
_ = axes[0].legend()

# %% [markdown]
# ## Predict, then check
#
# The LASSO shrinks every entry that it finds, by about the same amount. *How far is the best
# LASSO from an oracle that is told where the signal is not zero: about as good, or several times
# worse?*

# %%
claims = mbdl.verdicts("3.06")
for row in claims.query("left == 'oracle_bayes'").itertuples():
    print(f"{row.verdict}: {row.claim} ({row.left_value:.4f} against {row.right})")

# %% [markdown]
# *And is $\rho = 0.01$, which was set by hand, any good?* All that is claimed of this example:

# %%
for row in claims.query("kind == 'claim'").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# ## Exercises
#
# **1. How many iterations?** The book's step is $\mu = 0.1$. The largest eigenvalue of
# $H^\top H$ is 1 here, so that $\mu = 1$ is allowed. Draw the error by iteration for both, and
# for FISTA.

# %% tags=["hide-cell"]
# Solution: mbdl.iterates returns the estimates of all iterations.
Ista, Fista = mbdl.sparse_recovery.Ista, mbdl.sparse_recovery.Fista
rivals = {
    "ISTA, μ = 0.1": Ista(truth, rho=0.01, step=0.1, iterations=200),
    "ISTA, μ = 1": Ista(truth, rho=0.01, step=1.0, iterations=200),
    "FISTA, μ = 1": Fista(truth, rho=0.01, step=1.0, iterations=200),
}
figure, axes = plt.subplots(figsize=(5, 3))
looks = zip(MODEL_BASED_GREYS, ("-", "--", ":"), rivals.items(), strict=False)
for colour, dashes, (name, method) in looks:
    errors = np.square(mbdl.iterates(method, x) - s).sum(2).mean(1)
    axes.loglog(np.arange(len(errors)) + 1, errors, color=colour, ls=dashes, label=name)
    print(f"{name}: {errors[10]:.3f} after 10 iterations, {errors[100]:.3f} after 100")
axes.set(xlabel="iteration + 1", ylabel="squared error", title="The step decides how fast")
_ = axes.legend()

# %% [markdown]
# **2. Validation on the test set.** Choose $\rho$ from a list, once on the test signals
# themselves, and once on as many others, as one should. With one signal in each set, by how much
# does the first way flatter the result? And with twenty?

# %% tags=["hide-cell"]
# Solution: on the test set one takes the least error there is, so that no honest choice can look
# better. It flatters much where the set is small, and little where only one number is chosen on
# many signals. In Example 5.6 more is chosen.
rhos = np.geomspace(0.004, 0.03, 12)
x_val, s_val = truth.draw(20, "validation", 0)
losses = {}
for name, (x_of, s_of) in {"validation": (x_val, s_val), "test": (x, s)}.items():
    answers = [mbdl.sparse_recovery.Lasso(truth, rho=rho).estimate(x_of) for rho in rhos]
    losses[name] = np.array([np.square(one - s_of).sum(1) for one in answers])
for size in (1, 20):
    sets = {name: loss.reshape(12, -1, size).mean(2) for name, loss in losses.items()}
    honest = np.take_along_axis(sets["test"], sets["validation"].argmin(0)[None], 0).mean()
    flattered = sets["test"].min(0).mean()
    print(f"{size:2} signals a set: {flattered:.5f} in place of {honest:.5f},", end=" ")
    print(f"too good by {100 * (1 - flattered / honest):.1f} %")

# %% [markdown]
# **3. Undo the shrinkage.** Take the entries that the LASSO finds, and fit them by least squares.
# Does it help with $\rho = 0.01$? And with a $\rho$ that is chosen for it?

# %% tags=["hide-cell"]
# Solution: with ρ = 0.01 it makes things worse, for the LASSO finds many small entries that are
# none, and least squares makes them large. With a ρ of its own it is far better than the LASSO.
Lasso, Debiased = mbdl.sparse_recovery.Lasso, mbdl.sparse_recovery.DebiasedLasso
compared = mbdl.compare(
    {
        "LASSO": mbdl.Candidate(Lasso, rho=0.01),
        "debiased": mbdl.Candidate(Debiased, rho=0.01),
        "debiased, ρ tuned": mbdl.Candidate(Debiased, tune={"rho": [0.01, 0.015, 0.02, 0.03]}),
    },
    truth,
    metrics=["squared_error"],
    bounds=["oracle_bayes"],
    n_train=1,
    n_validation=20,
    n_test=50,
    seeds=3,
)
print(compared)
