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
# # 5.5 ABLE
#
# A beamformer adds up sensors with weights, $\hat s = w^H x$; of these $w^H 1 = 1$ leaves what
# comes from straight ahead as it is. MVDR takes those of least power, and inverts a covariance:
#
# $$ w = \frac{R^{-1} 1}{1^T R^{-1} 1} . $$
#
# From one snapshot there is hardly a covariance. ABLE keeps the beamformer, and lets a small
# network give the weights: $w = 1/N + f_\theta(x)$, distortionless by construction.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, MODEL_BASED_GREYS, RC

plt.rcParams.update(RC)


def error_db(method, data):
    """The mean squared error of the target, in dB over the noise of a sensor."""
    return 10 * np.log10(np.mean(np.abs(method.estimate(data.x) - data.s) ** 2))


# %% [markdown]
# ## Data

# %%
truth = mbdl.scenario("doa_beamforming").believed(scene="point")
test = truth.draw(2000, "test", 0)
print("looks, sensors, snapshots:", test.x.shape)
told_db = 10 * np.log10(mbdl.doa.bounds.told_mvdr(truth))
print(f"who is told all other senders: {told_db:.1f} dB")

# %% [markdown]
# ## Method

# %%
able = mbdl.load("doa_beamforming", "able")
print("trained on", able.made_by["n_train"], "looks of the scene", able.made_by["point"])
sum_of_all = mbdl.doa.DelayAndSum(truth)
mvdr = mbdl.doa.MvdrBeamformer(truth, subarray=4, loading=0.003)
for name, method in {"delay and sum": sum_of_all, "MVDR": mvdr, "ABLE": able}.items():
    print(f"{name}: {error_db(method, test):.1f} dB")

# %% [markdown]
# ## Figure
#
# What each lets through, by direction, in one look at a target among two others. A pattern should
# be 0 dB at 0, and low where the others are.

# %%
rng = np.random.default_rng(3)
u_others, n = np.array([0.35, -0.6]), np.arange(truth.n_sensors)
steering = np.exp(-1j * np.pi * np.outer(n, u_others))
waveforms = 10 * np.exp(2j * np.pi * rng.random(2))  # 20 dB over the noise of a sensor
noise = rng.standard_normal((2, len(n))).T @ [1, 1j] / np.sqrt(2)
x = torch.as_tensor(3.0 + steering @ waveforms + noise)[None, :, None]

u = np.linspace(-1, 1, 801)
figure, axes = plt.subplots(figsize=(6.5, 3.8))
looks = {
    "delay and sum": (sum_of_all, {"color": MODEL_BASED_GREYS[2], "ls": ":"}),
    "MVDR": (mvdr, {"color": MODEL_BASED_GREYS[0], "ls": "--"}),
    "ABLE": (able, {"color": COLOURS[able.family]}),
}
for name, (method, look) in looks.items():
    with torch.no_grad():
        w = method.weights(x)[0].numpy()
    pattern = np.abs(np.exp(-1j * np.pi * np.outer(u, n)) @ w.conj())
    axes.plot(u, 20 * np.log10(pattern), label=name, **look)
for direction in u_others:
    axes.axvline(direction, color="black", lw=0.8)
axes.set(ylim=(-60, 15), xlabel="sine of the direction", ylabel="let through (dB)")
axes.set_title("One snapshot, two others (lines)")
_ = axes.legend(loc="upper right")

# %% [markdown]
# ## Predict, then check
#
# *Of few strong senders, does the network reach MVDR whose subarray and loading are tuned? Of many
# weak ones? From how many looks?*

# %%
for row in mbdl.verdicts("doa_beamforming").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# ## Exercises
#
# **1. Louder.** Multiply all observations by 1000 and turn their phase by 90°. What becomes of the
# answers of ABLE? Why?

# %% tags=["hide-cell"]
# Solution: they are multiplied and turned with them. Both are taken off what the network sees.
scaled = able.estimate(1000j * test.x)
print("largest difference:", np.abs(scaled / 1000j - able.estimate(test.x)).max())

# %% [markdown]
# **2. As it is usually set.** MVDR for one snapshot is often run with subarrays of half of the
# sensors and a loading of 1/100. What does that cost?

# %% tags=["hide-cell"]
# Solution: some 7 dB. Long subarrays leave few of them to average over.
usual = mbdl.doa.MvdrBeamformer(truth, subarray=8, loading=0.01)
print(f"L = 8, 1/100: {error_db(usual, test):.1f} dB; L = 4: {error_db(mvdr, test):.1f} dB")

# %% [markdown]
# **3. More senders than it has learned.** ABLE has learned among one to three others. How does it
# do among five, and among twenty weak ones?

# %% tags=["hide-cell"]
# Solution: it is still ahead of MVDR, which suffers more.
for scene in ("crowd", "diffuse"):
    data = truth.believed(scene=scene).draw(2000, "test", 0)
    print(f"{scene}: ABLE {error_db(able, data):.1f} dB, MVDR {error_db(mvdr, data):.1f} dB")
