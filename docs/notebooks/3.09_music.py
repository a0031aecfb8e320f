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
# # 3.9 MUSIC and Root-MUSIC
#
# Eight sensors hear three sources at once, and the eigenvectors of what they hear tell the
# directions far more sharply than a beam could. When all sources send the same waveform, the
# picture collapses.
#
# Snapshots are $x_t = A(s)\, y_t + w_t$, with a steering vector $a(s_m)$ for each angle $s_m$.
# MUSIC looks for the angles whose steering vectors are orthogonal to the noise subspace $U_n$, the
# eigenvectors of the smallest eigenvalues of the covariance:
#
# $$P(\theta) = \frac{1}{\| U_n^{\mathsf H} a(\theta) \|^2} .$$

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import MODEL_BASED_GREYS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data
#
# The same array twice: sources that are independent, and sources that all send one waveform.

# %%
coherent = mbdl.scenario("3.09")
independent = coherent.believed(correlation=0.0)
x, s = independent.draw(400, "test", 0)

# %% [markdown]
# ## Method

# %%
music = mbdl.doa.Music(independent)
root_music = mbdl.doa.RootMusic(independent)
print(np.rad2deg(root_music.estimate(x[:1])).round(1), np.rad2deg(s[:1]).round(1))

# %% [markdown]
# ## Figure

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True)
shown = {"Bartlett (beam)": mbdl.doa.Bartlett(independent), "MUSIC": music}
titles = ("Independent sources", "One waveform from all")
for ax, truth, title in zip(axes, (independent, coherent), titles, strict=True):
    x_one, s_one = truth.believed(angles_deg=(-40.0, 5.0, 35.0)).draw(1, "test", 0)
    for m, angle in enumerate(np.rad2deg(s_one[0])):
        ax.axvline(angle, color=TARGET, linewidth=4, label=None if m else "source")
    for (name, method), grey in zip(shown.items(), MODEL_BASED_GREYS[::-1][::3], strict=True):
        drawn = mbdl.illustrations(method, x_one)
        grid, power = drawn["grid_rad"][0], drawn["spectrum"][0]
        ax.plot(np.rad2deg(grid), 10 * np.log10(power / power.max()), color=grey, label=name)
    ax.set(xlabel="angle (°)", title=title, xticks=range(-90, 91, 30), ylim=(-45, 2))
axes[0].set_ylabel("spectrum over its peak (dB)")
_ = figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %% [markdown]
# ## Predict, then check
#
# With one waveform from all sources the covariance has rank one. *Is Root-MUSIC then as bad as
# guessing angles? And can the same data, averaged over parts of the array, still tell them?*

# %%
for row in mbdl.verdicts("3.09").query("kind == 'claim'").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# And what of this example is not confirmed, of the numbers that others printed too:

# %%
for row in mbdl.verdicts("3.09").query("verdict != 'holds'").itertuples():
    print(f"{row.verdict}: {row.claim} at {row.left}; ours is {row.left_value:.4f}")

# %% [markdown]
# ## Exercises
#
# **1. Random angles for missing peaks.** A spectrum may have fewer peaks than there are sources.
# The published code then fills in random angles before it computes the error. What does that do
# to the number: raise it, lower it, or nothing? Try three coherent sources, and five.

# %% tags=["hide-cell"]
# Solution: with three sources no peak is missing, and the trap does nothing. With five it makes
# MUSIC look better than it is. A missing angle counts here as π/√12, the root mean square error
# of a guess. A random angle is assigned to whichever source it suits best, which is less. And the
# number depends on the random seed.
rng = np.random.default_rng(0)
rmspe = mbdl.doa.metrics.rmspe
for truth in (coherent, coherent.believed(n_sources=5)):
    split = truth.draw(1000, "test", 0)
    on_grid = mbdl.doa.Music(truth, grid=360, refine=False, ends=False)
    found = on_grid.estimate(split.x)
    missing = np.isnan(found)
    filled = np.where(missing, rng.uniform(-np.pi / 2, np.pi / 2, found.shape), found)
    print(
        f"{truth.n_sources} sources: angles are missing in {missing.any(1).mean():.0%} of trials;"
    )
    print(f"  RMSPE {rmspe(found, split, truth).mean():.3f} rad, ", end="")
    print(f"filled at random {rmspe(filled, split, truth).mean():.3f} rad")

# %% [markdown]
# **2. Bring the angles back.** Average the covariance over sub-arrays, forwards and backwards
# (`smoothing="forward_backward"`), and compare. What is the price with independent sources?

# %% tags=["hide-cell"]
# Solution: smoothing restores the rank, and pays with a smaller array.
for name, truth in {"one waveform": coherent, "independent": independent}.items():
    smoothed = mbdl.Candidate(mbdl.doa.RootMusic, smoothing="forward_backward")
    methods = {"Root-MUSIC": mbdl.doa.RootMusic, "Root-MUSIC, smoothed": smoothed}
    sizes = {"n_train": 1, "n_validation": 1, "n_test": 400, "seeds": 3}
    print(name, mbdl.compare(methods, truth, metrics=["rmspe", "median_rmspe"], **sizes), sep="\n")

# %% [markdown]
# **3. Mean or median?** A few trials with a source near end-fire ($\pm 90°$) dominate the mean
# error. Show how the error depends on the outermost angle.

# %% tags=["hide-cell"]
# Solution: near ±90° the steering vector hardly changes with the angle.
errors = rmspe(root_music.estimate(x), mbdl.Split(x, s), independent)
outermost = np.rad2deg(np.abs(s).max(1))
figure, axes = plt.subplots(figsize=(4.5, 3))
axes.semilogy(outermost, errors, ".", color=MODEL_BASED_GREYS[1])
axes.set(xlabel="outermost angle (°)", ylabel="RMSPE (rad)", title="End-fire makes the mean")
print(f"mean {errors.mean():.4f}, median {np.median(errors):.4f} rad")
