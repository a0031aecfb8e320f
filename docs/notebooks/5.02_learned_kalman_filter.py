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
# # 5.2 Learned Kalman filter
#
# A Kalman filter whose covariance $V$ is not known follows the noise. A few trajectories with
# their true states are enough to learn three numbers, by gradient descent through the filter, and
# it is nearly as good as the filter that knows all.
#
# What is minimized is the filter's own squared error over the training trajectories:
#
# $$\hat V = \arg\min_{V \succeq 0} \sum_i \sum_t \big\| \hat s_t(x^{(i)}; V) - s_t^{(i)} \big\|^2 ,
#   \qquad V = A A^\top .$$

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, MODEL_BASED_GREYS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data

# %%
truth, belief = mbdl.scenario("5.02"), mbdl.scenario("5.02", "isotropic")
train, validation = truth.draw(20, "train", 0), truth.draw(20, "validation", 0)
x, s = truth.draw(500, "test", 0)

# %% [markdown]
# ## Method
#
# The same class as any Kalman filter, with $V$ as a weight.

# %%
learned = mbdl.tracking.LearnedKalmanFilter(belief)
recipe = mbdl.Recipe(learning_rate=0.05, steps=60, batch_size=20, validate_every=10)
history = learned.fit(train, validation, recipe)
print("learned V:", learned.V.detach().numpy().round(4).tolist())
print("true V:   ", truth.V.round(4).tolist())

# %% [markdown]
# ## Figure

# %%
filters = {
    "V = I": (mbdl.tracking.KalmanFilter(belief), MODEL_BASED_GREYS[3]),
    "V learned": (learned, COLOURS[learned.family]),
    "V known": (mbdl.tracking.KalmanFilter(truth), MODEL_BASED_GREYS[0]),
}
time = np.arange(1, truth.n_steps + 1) * truth.time_step_s
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=[2, 1])
left.plot(time, x[0, :, 0], ".", color="#a8a8a8", markersize=3, label="observation")
left.plot(time, s[0, :, 0], color=TARGET, linewidth=4, label="true position")
for name, (method, colour) in filters.items():
    estimate = method.estimate(x)
    if name != "V known":
        left.plot(time, estimate[0, :, 0], color=colour, label=name)
    error = np.square(estimate - s)[:, :, 0].mean()
    right.barh(name, error, color=colour, height=0.5)
    right.text(error, name, f" {error:.3f}", va="center")
left.set(xlabel="time (s)", ylabel="position", title="One trajectory")
left.legend()
_ = right.set(xlabel="MSE of the position", title="Twenty trajectories are enough", xlim=(0, 1.6))

# %% [markdown]
# ## Predict, then check
#
# A recurrent network is trained on the same 20 trajectories, and knows nothing: no $F$, no $H$.
# *How many times larger is its error: more than five times, about twice, or hardly at all?*

# %%
for row in mbdl.verdicts("5.02").query("left.str.startswith('recurrent')").itertuples():
    print(f"{row.claim}\n{row.verdict}: {row.left_value:.3f} against {row.right}: {row.remark}")
ratio = mbdl.table("5.02").query("n_train == 20 and metric == 'position_mse'").set_index("method")
print(f"ratio: {ratio['mean']['recurrent'] / ratio['mean']['learned_kalman_filter']:.2f}")

# %% [markdown]
# ## Exercises
#
# **1. Is the learned $V$ the true one?** Print both, and compare what each filter claims of its
# own error with the error that it has.

# %% tags=["hide-cell"]
# Solution: the learned V need not be the true one; many V give nearly the same gain. Its claims
# therefore need not be right, though its estimates are. (Five numbers are trained: A, and a scale
# of it. They make up a V, which has three.)
print(
    mbdl.compare(
        {"V known": filters["V known"][0], "V learned": learned, "V = I": filters["V = I"][0]},
        truth,
        metrics=["expected_mse", "claimed_mse"],
        n_train=1,
        n_validation=1,
        n_test=50,
        seeds=2,
    )
)

# %% [markdown]
# **2. Validation on the test set.** Tune one number, $V = vI$, on the five test trajectories that
# the published code also reports, and then on five others. How much does the first way flatter?

# %% tags=["hide-cell"]
# Solution: one number has little room; but five trajectories are few, and the smallest error on
# them is always the one reported. Averaged over a hundred such sets:
scales = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05]
filters_of = [mbdl.tracking.KalmanFilter(belief, process_noise_scale=v) for v in scales]
x_val, s_val = truth.draw(500, "validation", 1)
on_test, on_validation = (
    np.array(
        [np.square(f.estimate(a) - b)[..., 0].mean(1).reshape(100, 5).mean(1) for f in filters_of]
    )
    for a, b in ((x, s), (x_val, s_val))
)
honest = on_test[on_validation.argmin(0), np.arange(100)].mean()
flattered = on_test.min(0).mean()
print(
    f"{flattered:.4f} in place of {honest:.4f}: too good by {100 * (1 - flattered / honest):.1f} %"
)

# %% [markdown]
# **3. A covariance that goes on.** The published loop does not reset the filter's covariance
# between trajectories, so that its gain is that of the limit from the first step on. What does
# that cost where the start is known?

# %% tags=["hide-cell"]
# Solution: the steady-state filter is that filter.
for name in ("KalmanFilter", "SteadyStateKalmanFilter"):
    method = getattr(mbdl.tracking, name)(truth)
    errors = np.square(method.estimate(x) - s)[..., 0]
    print(f"{name}: {errors.mean():.4f}; in the first second {errors[:, :10].mean():.4f}")
