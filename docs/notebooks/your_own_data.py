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
# # Your own data
#
# You have recordings in a file, from no simulator of this package. This page takes them to angles
# by ESPRIT and by a network that is kept, and to positions by a Kalman filter whose $V$ is learned.
#
# All that a method has to know of your data is a *belief*, the model that you assume:
#
# $$x_t = A(s)\, y_t + w_t \quad \text{(an array)}, \qquad
#   s_t = F s_{t-1} + v_t, \;\; x_t = H s_t + w_t \quad \text{(a target)}.$$

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, RC, TARGET

plt.rcParams.update(RC)

# %% [markdown]
# ## Data
#
# Stand-ins for your files: put your own in their place. Snapshots are complex, `(recordings,
# sensors, snapshots)`: three sources that send one waveform, and one of them moves.

# %%
rng, temporary = np.random.default_rng(7), tempfile.TemporaryDirectory()
folder = Path(temporary.name)
angles = np.deg2rad(np.stack([np.full(40, -45.0), np.linspace(-20, 10, 40), np.full(40, 38.0)], 1))
sensors = np.arange(8)[None, :, None]
steering = np.exp(-1j * np.pi * sensors * np.sin(angles)[:, None, :])
noise = rng.standard_normal((2, 40, 8, 100)) * 0.1 / np.sqrt(2)
waveform = rng.standard_normal((2, 40, 1, 100)) / np.sqrt(2)
recorded = steering @ (waveform[0] + 1j * waveform[1]).repeat(3, 1) + noise[0] + 1j * noise[1]
np.save(folder / "snapshots.npy", recorded)

# %% [markdown]
# ## Method
#
# Read, believe, estimate.

# %%
x = np.load(folder / "snapshots.npy")
belief = mbdl.doa.Narrowband(n_sources=3, n_sensors=8, n_snapshots=x.shape[2], snr_db=20.0)
esprit = mbdl.doa.Esprit(belief)
methods = {
    "ESPRIT": esprit,
    "ESPRIT, smoothed": mbdl.doa.Esprit(belief, smoothing="forward_backward", subarray=6),
    "SubspaceNet, kept": mbdl.load("5.10", "subspacenet_esprit"),
}
found = {name: mbdl.estimate(method, x) for name, method in methods.items()}

# %% [markdown]
# ## Figure

# %%
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3), sharey=True)
for ax, (name, answer) in zip(axes, found.items(), strict=True):
    ax.plot(np.rad2deg(angles), color=TARGET, linewidth=5)
    ax.plot(np.rad2deg(answer), ".", color=COLOURS[methods[name].family])
    off = np.rad2deg(np.median(np.abs(np.sort(answer, 1) - np.sort(angles, 1))))
    ax.set(title=f"{name}\nmedian error {off:.2f}°", xlabel="recording", ylim=(-90, 90))
_ = axes[0].set_ylabel("angle (°)")

# %% [markdown]
# ## Trajectories
#
# A cart is filmed in 30 runs: its position, noisy, every tenth of a second, and a reference. Again
# a stand-in for your file:

# %%
t = 0.1 * np.arange(1, 101)
speed = 1 + 0.4 * np.sin(rng.uniform(0.3, 1.0, (30, 1)) * t + rng.uniform(0, 6, (30, 1)))
position = 0.1 * speed.cumsum(1)
np.savez(folder / "runs.npz", seen=position + rng.standard_normal((30, 100)), position=position)

# %% [markdown]
# Observations are `(runs, steps, 1)`, states `(runs, steps, 2)`: position and velocity. Ten runs
# train $V$, ten choose the step that is kept, and nothing is fitted to the others.

# %%
runs = np.load(folder / "runs.npz")
seen, reference = runs["seen"][:, :, None], runs["position"]
states = np.stack([reference, np.gradient(reference, 0.1, axis=1)], 2)
cart = mbdl.tracking.LinearStateSpace(
    n_steps=100,
    transition="constant_velocity",
    time_step_s=0.1,
    process_noise="isotropic",
    process_noise_std=1.0,
    n_observations=1,
    noise_std=1.0,
    initial_state=(0.0, 1.0),
    initial_std=1.0,
)
learned = mbdl.tracking.LearnedKalmanFilter(cart)
pairs = [mbdl.Split(seen[rows], states[rows]) for rows in (slice(0, 10), slice(10, 20))]
recipe = mbdl.Recipe(learning_rate=0.1, steps=60, batch_size=10, validate_every=10)
history = mbdl.fit(learned, *pairs, recipe)

# %%
figure, axes = plt.subplots(figsize=(5.5, 3))
axes.plot(t, seen[25, :, 0], ".", color="#a8a8a8", markersize=3, label="seen")
axes.plot(t, reference[25], color=TARGET, linewidth=4, label="reference")
for name, method in {"V = I": mbdl.tracking.KalmanFilter(cart), "V learned": learned}.items():
    answer = mbdl.estimate(method, seen[20:])
    axes.plot(t, answer[5, :, 0], color=COLOURS[method.family], label=name, linewidth=1.2)
    print(f"{name}: mean squared error {np.square(answer[..., 0] - reference[20:]).mean():.3f}")
axes.set(xlabel="time (s)", ylabel="position", title="A run that nothing was fitted to")
_ = axes.legend()

# %% [markdown]
# ## Predict, then check
#
# *The network was trained on such sources, all with one phase. Will it still work for sources of
# other phases, which your recordings may well have?* There is an experiment on that, with a version
# of the network whose matrix is Toeplitz:

# %%
for row in mbdl.verdicts("doa_phases").query("claim.str.contains('SubspaceNet')").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# ## Exercises
#
# **1. A wrong shape.** Give ESPRIT a single recording, then recordings whose axes are swapped.
# What do the messages tell you?

# %% tags=["hide-cell"]
# Solution: mbdl.estimate says what the method takes, and what it was given.
for wrong in (x[0], x.transpose(0, 2, 1)):
    try:
        mbdl.estimate(esprit, wrong)
    except ValueError as message:
        print(message)

# %% [markdown]
# **2. No reference.** Your camera has none. Learn $V$ from what was seen alone, by expectation
# maximization (`EmKalmanFilter`), and compare.

# %% tags=["hide-cell"]
# Solution: it looks for the most probable V, and reads observations only.
unsupervised = mbdl.tracking.EmKalmanFilter(cart, learn="process", iterations=12)
unsupervised.fit(*pairs)
answer = mbdl.estimate(unsupervised, seen[20:])
print(f"no reference: mean squared error {np.square(answer[..., 0] - reference[20:]).mean():.3f}")

# %% [markdown]
# **3. Missing samples.** Drop a third of the camera's positions: NaN in their place. What does the
# filter make of them?

# %% tags=["hide-cell"]
# Solution: it predicts where nothing was seen, and is less sure there.
holes = np.where(rng.random(seen.shape) < 1 / 3, np.nan, seen)
answer = mbdl.estimate(learned, holes[20:])
error = np.square(answer[..., 0] - reference[20:]).mean()
print(f"{np.isnan(holes).mean():.0%} missing: mean squared error {error:.3f}")
