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
# # 5.10 SubspaceNet
#
# Where all sources send one waveform, MUSIC and Root-MUSIC are lost. A network that gives them
# another covariance brings the angles back, as long as the sources arrive as they did in training.
#
# From covariances of the snapshots at several lags a convolutional autoencoder makes a matrix $K$;
# a subspace method takes the place of the output layer:
#
# $$\hat R = K^{\mathsf H} K + \varepsilon I, \qquad
#   \hat s = \operatorname{ESPRIT}(\hat R) \;\text{ or }\;
#   \operatorname{Root\text{-}MUSIC}(\hat R).$$

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data
#
# Three coherent sources, eight sensors, a hundred snapshots.

# %%
truth = mbdl.scenario("5.10")
test = truth.draw(500, "test", 0)

# %% [markdown]
# ## Method
#
# The networks as they were trained, and classical methods, from the experiment.

# %%
names = {
    "root_music": "Root-MUSIC",
    "root_music_forward_backward_6": "Root-MUSIC, smoothed",
    "maximum_likelihood": "maximum likelihood",
    "subspacenet_root_music": "SubspaceNet + Root-MUSIC",
    "subspacenet_esprit": "SubspaceNet + ESPRIT",
}
methods = {words: mbdl.load("5.10", name) for name, words in names.items()}
rmspe = mbdl.doa.metrics.rmspe
errors = {name: rmspe(m.estimate(test.x), test, truth) for name, m in methods.items()}

# %% [markdown]
# ## Figure

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.7), width_ratios=[1.2, 1])
x_one, s_one = truth.believed(angles_deg=(-40.0, 5.0, 35.0)).draw(1, "test", 0)
for m, angle in enumerate(np.rad2deg(s_one[0])):
    left.axvline(angle, color=TARGET, linewidth=4, label=None if m else "source")
for name, words in {"music": "MUSIC", "subspacenet_music": "MUSIC of SubspaceNet's R"}.items():
    method = mbdl.load("5.10", name)
    drawn = mbdl.illustrations(method, x_one)
    grid, power = drawn["grid_rad"][0], drawn["spectrum"][0]
    level = 10 * np.log10(power / power.max())
    left.plot(np.rad2deg(grid), level, color=COLOURS[method.family], label=words)
left.set(xlabel="angle (°)", ylabel="spectrum over its peak (dB)", xticks=range(-90, 91, 30))
left.set(title="One trial", ylim=(-40, 2))
left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
for name, method in methods.items():
    mean, median = errors[name].mean(), np.median(errors[name])
    right.plot(mean, name, "o", color=COLOURS[method.family])
    right.plot(median, name, "o", color=COLOURS[method.family], fillstyle="none")
right.invert_yaxis()
_ = right.set(xscale="log", xlabel="RMSPE (rad)", title="Mean (filled), median (hollow)")

# %% [markdown]
# ## Predict, then check
#
# Filled and hollow marks tell two stories. *Is SubspaceNet better than maximum likelihood in the
# mean? And in the median trial?* The likelihood was printed elsewhere with an error of 0.013,
# started at the truth: *will a search that has to find the angles reach that?*

# %%
likelihood = "left == 'maximum_likelihood' or right == 'maximum_likelihood'"
for row in mbdl.verdicts("5.10").query(likelihood).itertuples():
    print(f"{row.verdict:9} {row.claim}: {row.left_value:.4f} against {row.right_value:.4f}")
    print(f"          {row.remark}" if isinstance(row.remark, str) else "")

# %% [markdown]
# ## Exercises
#
# **1. A baseline that is left out.** Coherent sources are an old problem: smoothing averages the
# covariance over sub-arrays. With how many sensors a sub-array is it best?

# %% tags=["hide-cell"]
# Solution: a small sub-array has many to average, and a large one resolves better.
for sensors in (4, 5, 6, 7):
    one = mbdl.doa.RootMusic(truth, smoothing="forward_backward", subarray=sensors)
    found = rmspe(one.estimate(test.x), test, truth)
    print(f"{sensors} sensors: mean {found.mean():.4f}, median {np.median(found):.4f} rad")

# %% [markdown]
# **2. What did the network learn?** In training all sources arrive with equal phases. Let them
# arrive with random ones (`path_phases="random"`), as over paths of unknown length.

# %% tags=["hide-cell"]
# Solution: it learned that phases are equal, too; a classical method never assumed it.
moved = truth.believed(path_phases="random").draw(500, "test", 0)
for name, method in methods.items():
    now = rmspe(method.estimate(moved.x), moved, truth).mean()
    print(f"{name:26} equal phases {errors[name].mean():.4f}, random phases {now:.4f} rad")

# %% [markdown]
# **3. How much is a batch of 100 trials worth?** The published numbers are means over 100 trials.
# Draw five batches, and see how far apart their means are.

# %% tags=["hide-cell"]
# Solution: a few trials make the mean; so its spread is large, most of all for classical methods.
for name, found in errors.items():
    print(f"{name:26}", found.reshape(5, 100).mean(1).round(4))
