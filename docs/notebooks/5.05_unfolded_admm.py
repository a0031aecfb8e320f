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
# # 5.5 Unfolded ADMM
#
# Fix the number of iterations at a few, and give each of them its own $\rho$, $\lambda$ and $\mu$,
# learned from data. A handful of such iterations ends below the point that ADMM itself converges
# to.
#
# For $k = 1, \dots, K$, with all $\rho_k, \lambda_k, \mu_k$ learned end to end:
#
# $$\begin{aligned}
# s &\leftarrow (H^\top H + 2\lambda_k I)^{-1} \big(H^\top x + 2\lambda_k (v - u)\big), \\
# v &\leftarrow \mathcal T_{\rho_k / (2\lambda_k)}(s + u), \qquad u \leftarrow u + \mu_k (s - v).
# \end{aligned}$$

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, MODEL_BASED_GREYS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("5.05")
x, s = truth.draw(300, "test", 0)

# %% [markdown]
# ## Method
#
# The kept weights of $K = 11$ iterations, and what they have learned.

# %%
unfolded = mbdl.load("5.05", "unfolded_admm")
print("ρ_k:", unfolded.log_rho.exp().detach().numpy().round(3))
print("λ_k:", unfolded.log_penalty.exp().detach().numpy().round(3))
print("μ_k:", unfolded.log_dual_step.exp().detach().numpy().round(2))

# %% [markdown]
# ## Figure
#
# From the experiment's table: each $K$ has a network of its own, and an ADMM whose three settings
# are the best of 125 for just that $K$.

# %%
table = mbdl.table("5.05").query("metric == 'squared_error'")
lines = {
    "admm_book": ("ADMM, set by hand", MODEL_BASED_GREYS[3]),
    "admm": ("ADMM, best of 125 settings", MODEL_BASED_GREYS[0]),
    "unfolded_admm": ("unfolded ADMM", COLOURS[unfolded.family]),
}
figure, axes = plt.subplots(figsize=(6.5, 3.8))
lasso = table.query("method == 'lasso'")["mean"].iloc[0]
axes.axhline(lasso, color=TARGET, linewidth=4, label="what ADMM converges to (LASSO)")
for label, (name, colour) in lines.items():
    rows = table[table["method"] == label].dropna(subset="iteration").sort_values("iteration")
    axes.semilogy(rows["iteration"], rows["mean"], "o-", color=colour, label=name)
    axes.fill_between(rows["iteration"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.2)
axes.set(xlabel="iterations K", ylabel="squared error", xticks=[1, 3, 5, 7, 9, 11])
axes.set_title("Learned for K iterations: below where ADMM ends")
_ = axes.legend(loc="upper right", bbox_to_anchor=(1, 0.9))

# %% [markdown]
# ## Predict, then check
#
# *With one iteration there are two numbers to set. Does learning set them better than a grid?* And
# the published loss for $K = 1$ is 0.1058: *will ours be above or below it?*

# %%
verdicts = mbdl.verdicts("5.05")
for row in verdicts.query("left == 'unfolded_admm (iteration 1)'").itertuples():
    remark = f" ({row.remark})" if row.verdict == "fails" else ""
    print(
        f"{row.verdict:9} {row.claim}: {row.left_value:.4f} against {row.right_value:.4f}{remark}"
    )

# %% [markdown]
# ## Exercises
#
# **1. Shrinks twice.** The published code for $K$ layers makes $K + 1$ steps. Train $K = 1$ and
# $K = 2$ here: how much does one more step give, and so flatter each point of that curve?

# %% tags=["hide-cell"]
# Solution: a whole iteration's worth, which is most where K is small.
train, validation = truth.draw(500, "train", 0), truth.draw(200, "validation", 0)
recipe = mbdl.Recipe(
    learning_rate=0.07, steps=200, batch_size=64, validate_every=25, precision="single"
)
start = {"rho": 0.02, "penalty": 0.1, "dual_step": 1.2}
for K in (1, 2, 3):
    one = mbdl.sparse_recovery.UnfoldedAdmm(truth, iterations=K, **start)
    one.fit(train, validation, recipe)
    print(f"K = {K}: {np.square(one.estimate(x) - s).sum(1).mean():.4f}")

# %% [markdown]
# **2. Stop halfway.** What is the error of the $K = 11$ network after its fifth iteration? Is it
# that of the network that was trained for five?

# %% tags=["hide-cell"]
# Solution: no. It was trained for its last estimate alone, and takes other ways to it.
errors = np.square(mbdl.iterates(unfolded, x) - s).sum(2).mean(1)
five = table.query("method == 'unfolded_admm' and iteration == 5")["mean"].iloc[0]
print("after each iteration:", errors[1:].round(4))
print(f"the fifth: {errors[5]:.5f}; trained for five: {five:.5f}")

# %% [markdown]
# **3. Below the LASSO, how?** An unfolded network need not minimize any objective. Compare how much
# it shrinks the large entries with how much the LASSO does.

# %% tags=["hide-cell"]
# Solution: the LASSO's bias is about its ρ; the network can shrink much at first, and little later.
answers = {"LASSO": mbdl.load("5.05", "lasso").estimate(x), "unfolded": unfolded.estimate(x)}
large = np.abs(s) > 0.3
for name, answer in answers.items():
    lost = (np.abs(s) - np.sign(s) * answer)[large].mean()
    false = (np.abs(answer[s == 0]) > 1e-3).mean()
    print(f"{name}: takes {lost:.4f} off large entries, and {false:.1%} of zeros are not zero")
