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
# # Plug-and-play: a denoiser as prior
#
# An image is measured by a quarter as many random projections as it has pixels. A network that was
# trained to take noise off photographs, and never saw a projection, brings the image back.
#
# ADMM on $\tfrac12 \|x - H s\|^2 + \phi(s)$ needs the prior $\phi$ in one step only, which is a
# denoising problem. Plug-and-play puts a denoiser $D$ there:
#
# $$\begin{aligned}
# s &\leftarrow \arg\min_s \tfrac12 \|x - H s\|^2 + \tfrac\rho2 \|s - (v - u)\|^2, \\
# v &\leftarrow D(s + u), \qquad u \leftarrow u + s - v.
# \end{aligned}$$

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import mbdl_repro as mbdl
from mbdl_repro.figures.style import RC

plt.rcParams.update(RC)

# %% [markdown]
# ## Data
#
# Crops of photographs that the kept denoiser has not seen.

# %%
truth = mbdl.scenario("5.4_plug_and_play")
x, s = truth.draw(6, "test", 0)
print(f"{s[0].size} pixels an image, {x[0].size} measurements")

# %% [markdown]
# ## Method
#
# The package's method with its kept denoiser, and total variation beside it.

# %%
names = {"total_variation": "total variation", "plug_and_play_admm": "plug-and-play"}
methods = {words: mbdl.load("5.4_plug_and_play", name) for name, words in names.items()}
pnp = methods["plug-and-play"]

# %% [markdown]
# And the same idea in a few lines, for any denoiser of your own:


# %%
def plug_and_play(denoise, x, rho, iterations=30):
    H, u = pnp.H, 0.0
    v = H.start(x)
    for _ in range(iterations):
        s = H.proximal(v - u, x, rho)
        v = denoise(s + u)
        u = u + s - v
    return v


# %% [markdown]
# ## Figure


# %%
def psnr(estimate, s):
    return -10 * np.log10(np.square(estimate - s).mean((1, 2)))


answers = {"original": s, "linear estimate": pnp.H.start(torch.from_numpy(x)).numpy()}
answers |= {name: method.estimate(x) for name, method in methods.items()}
shown = 2
figure, axes = plt.subplots(1, 4, figsize=(10, 2.9))
for ax, (name, images) in zip(axes, answers.items(), strict=True):
    ax.imshow(images[shown], cmap="gray", vmin=0, vmax=1)
    quality = "" if name == "original" else f"\n{psnr(images, s)[shown]:.1f} dB"
    ax.set_title(name + quality)
    ax.axis("off")

# %% [markdown]
# This crop is one of six. The mean over all of them:

# %%
for name in ("linear estimate", *methods):
    print(f"{name:16} {psnr(answers[name], s).mean():.1f} dB")

# %% [markdown]
# ## Predict, then check
#
# At a quarter of the measurements plug-and-play is some decibels ahead of wavelet sparsity. *With
# fewer measurements the prior has to do more. Will a good prior then be ahead by more, or by less?*

# %%
verdicts = mbdl.verdicts("5.4_plug_and_play").query("left.str.startswith('plug_and_play_admm')")
for row in verdicts[verdicts["right"].str.startswith("wavelet_fista")].itertuples():
    gap = row.left_value - row.right_value
    print(f"{row.verdict:9} {row.claim} (it is ahead by {gap:.1f} dB)")

# %% [markdown]
# "Undecided" is an honest answer: there are few photographs, and they differ a lot.
#
# ## Exercises
#
# **1. Plug in a denoiser of your own.** Use `plug_and_play` from above with a Gaussian filter,
# with a median filter, and with the trained network at one level of noise.

# %% tags=["hide-cell"]
# Solution: any function of images will do, and a good one does better.
from scipy import ndimage

network, level = pnp.prior.prepared(), 0.05


def of_arrays(function):
    return lambda z: torch.from_numpy(np.stack([function(image) for image in z.numpy()]))


denoisers = {
    "Gaussian filter": of_arrays(lambda image: ndimage.gaussian_filter(image, 0.7)),
    "median filter": of_arrays(lambda image: ndimage.median_filter(image, 3)),
    "network": lambda z: network(z, std=level),
}
with torch.no_grad():
    for name, denoise in denoisers.items():
        answer = plug_and_play(denoise, torch.from_numpy(x), rho=0.05).numpy()
        print(f"{name}: {psnr(answer, s).mean():.1f} dB")
    print(f"linear estimate: {psnr(answers['linear estimate'], s).mean():.1f} dB")

# %% [markdown]
# **2. One denoiser for every $H$.** Let the images be blurred instead. Build plug-and-play for
# that, with the weights that are kept, and train nothing.

# %% tags=["hide-cell"]
# Solution: the prior is a part of its own; only the belief of H changes.
blurred = truth.believed(degradation="deblurring", blur_std=1.2)
x_blurred, s_blurred = blurred.draw(6, "test", 0)
deblur = mbdl.load("5.4_plug_and_play", "plug_and_play_admm", belief=blurred, strength=4.0)
print(f"blurred  {psnr(x_blurred, s_blurred).mean():.1f} dB")
print(f"restored {psnr(deblur.estimate(x_blurred), s_blurred).mean():.1f} dB")

# %% [markdown]
# **3. Validation on the test set.** How strongly to denoise has to be chosen. Choose `strength`
# for each test image by itself, knowing the original, and then once for all on other images. How
# many decibels is the first number too good by?

# %% tags=["hide-cell"]
# Solution: an oracle's choice is no method; nobody has the original.
x_val, s_val = truth.draw(3, "validation", 0)
qualities = {"test": [], "validation": []}
for strength in (2.0, 5.0, 10.0, 20.0):
    one = mbdl.load("5.4_plug_and_play", "plug_and_play_admm", strength=strength)
    qualities["test"].append(psnr(one.estimate(x), s))
    qualities["validation"].append(psnr(one.estimate(x_val), s_val))
test, validation = (np.array(found) for found in qualities.values())
honest, flattered = test[validation.mean(1).argmax()].mean(), test.max(0).mean()
print(f"{flattered:.2f} dB in place of {honest:.2f} dB: too good by {flattered - honest:.2f} dB")
