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
# # 3.5 The Kalman filter
#
# A target moves along a line, and only its position is seen, in strong noise: the Kalman filter
# finds the way through it. Told a model that is a little wrong, the same filter loses the target.
#
# The position and velocity $s_t$ move, and the position is observed:
#
# $$s_t = F s_{t-1} + v_t, \qquad x_t = H s_t + w_t, \qquad
#   v_t \sim \mathcal N(0, V), \quad w_t \sim \mathcal N(0, W).$$
#
# The filter predicts, then corrects by its gain $K_t$, which follows from $F$, $H$, $V$ and $W$
# alone:
#
# $$\hat s_t = F \hat s_{t-1} + K_t \, (x_t - H F \hat s_{t-1}), \qquad
#   K_t = P_{t|t-1} H^\top (H P_{t|t-1} H^\top + W)^{-1}.$$

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, MODEL_BASED_GREYS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data
#
# The scenario of Example 3.5, and 500 trajectories of it.

# %%
truth = mbdl.scenario("3.05")
x, s = truth.draw(500, "test", 0)
x.shape, s.shape

# %% [markdown]
# ## Method
#
# A filter is built from what its designer *believes*. Three designers: one knows the truth, one
# believes in $V = I$, one in an $F$ that is rotated by a hundredth of a radian.

# %%
beliefs = {
    "told the truth": truth,
    "V = I": mbdl.scenario("3.05", "isotropic"),
    "F rotated by 0.01 rad": mbdl.scenario("3.05", "rotated"),
}
filters = {name: mbdl.tracking.KalmanFilter(belief) for name, belief in beliefs.items()}
estimates = {name: method.estimate(x) for name, method in filters.items()}

# %% [markdown]
# ## Figure

# %%
looks = {
    "told the truth": {"color": MODEL_BASED_GREYS[0], "linewidth": 2.0},
    "V = I": {"color": MODEL_BASED_GREYS[3], "linewidth": 1.2},
    "F rotated by 0.01 rad": {"color": MODEL_BASED_GREYS[1], "linestyle": (0, (4, 2))},
}
time = np.arange(1, truth.n_steps + 1) * truth.time_step_s
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=[2, 1])
left.plot(time, x[0, :, 0], ".", color="#a8a8a8", markersize=3, label="observation")
left.plot(time, s[0, :, 0], color=TARGET, linewidth=4, label="true position")
for name, estimate in estimates.items():
    left.plot(time, estimate[0, :, 0], label=name, **looks[name])
    error = np.square(estimate - s)[:, :, 0].mean()
    right.barh(name, error, color=looks[name]["color"], height=0.5)
    right.text(error * 1.1, name, f"{error:.2f}", va="center")
left.set(xlabel="time (s)", ylabel="position", title="One trajectory")
left.legend()
right.set(xlabel="mean squared error of the position", title="All trajectories", xscale="log")
right.set_xlim(0.1, 60)
right.invert_yaxis()

# %% [markdown]
# ## Predict, then check
#
# The published notebook of this example prints the error of one trajectory for the filter that is
# told the truth. The error that theory gives is computed in the next cell. *Will the number that
# was printed be above it, below it, or about the same?*

# %%
published = mbdl.verdicts("3.05").query("kind == 'published' and left == 'kalman_filter'")
for row in published.itertuples():
    print(f"{row.claim}: it {row.verdict}; the mean over many trajectories is {row.left_value:.3f}")
    print(row.remark)

# %% [markdown]
# ## Exercises
#
# **1. Standard deviation or variance?** The published code simulates with $\sigma_w = 2$ as a
# standard deviation, and tells the filter $W = 2$, where $W = \sigma_w^2 = 4$. What does that do
# to the error, and what to the error that the filter *claims* to have?

# %% tags=["hide-cell"]
# Solution: the error hardly grows, for a gain that is a little too large is nearly as good. But
# the filter now claims to be better than it is, and nothing in its estimates would tell you.
KalmanFilter, Candidate = mbdl.tracking.KalmanFilter, mbdl.Candidate
trap = mbdl.compare(
    {
        "W = 4, the variance": KalmanFilter,
        "W = 2, the trap": Candidate(KalmanFilter, belief=truth.believed(noise_std=np.sqrt(2))),
    },
    truth,
    metrics=["expected_position_mse", "expected_mse", "claimed_mse"],
    n_train=1,
    n_validation=1,
    n_test=100,
    seeds=3,
)
print(trap)

# %% [markdown]
# **2. Twice a sample.** The published loop calls its filter twice for each observation, so that
# the filter moves twice as far in time as the target does. Show what that does to the error.

# %% tags=["hide-cell"]
# Solution: repeat each observation, and keep every second estimate.
told = KalmanFilter(truth.believed(noise_std=np.sqrt(2), initial_std=1.0))
twice = told.estimate(x.repeat(2, axis=1))[:, 1::2]
for words, estimate in {"once": told.estimate(x), "twice": twice}.items():
    print(f"updated {words}: {np.square(estimate - s)[:, :, 0].mean():.3f}")

# %% [markdown]
# **3. Heal a wrong model with a wrong covariance.** $F$ is rotated, and you may only change how
# large $V$ is. How far down does the error go, and at which factor of $V$?

# %% tags=["hide-cell"]
# Solution: let each seed choose the factor on its validation trajectories. A filter whose motion
# model is wrong should trust it less.
healed = mbdl.compare(
    {
        "F rotated": KalmanFilter,
        "F rotated, V tuned": Candidate(
            KalmanFilter, tune={"process_noise_scale": [1.0, 3.0, 10.0, 30.0, 100.0, 300.0]}
        ),
    },
    truth,
    belief=beliefs["F rotated by 0.01 rad"],
    metrics=["position_mse"],
    n_train=1,
    n_validation=100,
    n_test=200,
    seeds=3,
)
print(healed)
print("chosen:", healed.chosen["F rotated, V tuned"])
figure, axes = plt.subplots(figsize=(4.5, 2.6))
scales = np.geomspace(1, 300, 12)
errors = []
for scale in scales:
    one = KalmanFilter(beliefs["F rotated by 0.01 rad"], process_noise_scale=scale)
    errors.append(np.square(one.estimate(x) - s)[:, :, 0].mean())
axes.loglog(scales, errors, "o-", color=COLOURS[one.family])
_ = axes.set(xlabel="factor of V", ylabel="MSE of the position", title="F rotated: trust it less")
