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
# # 5.3 USRNet
#
# A photograph is blurred by a kernel $k$, every $f$-th pixel is kept, and there is noise. Who knows
# all of it can alternate between the data and a denoiser $D$, with a half-quadratic splitting:
#
# $$ s \leftarrow \arg\min_s \tfrac12 \|x - H s\|^2 + \tfrac{\alpha \rho}2 \|s - v\|^2, \qquad
#    v \leftarrow D(s, \beta \sigma_D) . $$
#
# $H$ is in the first step alone, and that is in closed form. USRNet unfolds a few iterations and
# trains $D$, $\alpha$ and $\beta$ on many degradations at once. It then serves kernels that it
# has never met: they are an input, like the image.

# %%
import matplotlib.pyplot as plt
import numpy as np

import mbdl_repro as mbdl
from mbdl_repro.figures.style import RC

plt.rcParams.update(RC)


def psnr(estimate, s):
    """PSNR of each image in dB."""
    return -10 * np.log10(np.square(np.clip(estimate, 0, 1) - s).mean((1, 2)))


# %% [markdown]
# ## Data
#
# A shaking camera, of which every second pixel is kept. An observation is four planes: the image,
# the kernel, the scale and the noise level.

# %%
truth = mbdl.scenario("5.3_many_degradations").believed(case="shake_x2")
x, s = truth.draw(24, "test", 0)
print("images, planes, pixels:", x.shape)
print(f"scale {x[0, 2, 0, 0]:.0f}, noise level {x[0, 3, 0, 0]}")

# %% [markdown]
# ## Method

# %%
names = {
    "told_interpolation": "interpolation",
    "told_total_variation": "total variation",
    "told_plug_and_play": "plug-and-play",
    "usrnet": "USRNet",
    "kernel_blind_network": "no kernel",
}
methods = {words: mbdl.load("5.3_many_degradations", name) for name, words in names.items()}
answers = {words: method.estimate(x) for words, method in methods.items()}
for words, images in answers.items():
    print(f"{words:16} {psnr(images, s).mean():.1f} dB")

# %% [markdown]
# ## Figure

# %%
shown = 1
figure, axes = plt.subplots(1, 7, figsize=(11, 2.2))
pictures = {"truth": s, "observed": x[:, 0]} | answers
for ax, (words, images) in zip(axes, pictures.items(), strict=True):
    ax.imshow(images[shown], cmap="gray", vmin=0, vmax=1)
    quality = f"\n{psnr(images, s)[shown]:.1f} dB" if words in answers else "\n"
    ax.set_title(words + quality, fontsize=8)
    ax.axis("off")

# %% [markdown]
# ## Predict, then check
#
# *Plug-and-play has the same denoiser, trained on images alone, and three times as many iterations.
# How far ahead is USRNet? What is a kernel worth, and what does a wrong one cost?*

# %%
for row in mbdl.verdicts("5.3_many_degradations").itertuples():
    print(f"{row.verdict:9} {row.claim}")

# %% [markdown]
# ## Exercises
#
# **1. A kernel of your own.** Blur a photograph with a box of 3 × 3 pixels, keep every third pixel
# in each direction, add noise of 0.01, and restore it.

# %% tags=["hide-cell"]
# Solution: nothing is trained again; the kernel is part of the observation.
from scipy.ndimage import convolve

box, rng = np.full((3, 3), 1 / 9), np.random.default_rng(0)
y = [convolve(image, box, mode="wrap")[::3, ::3] for image in s]
y = [image + 0.01 * rng.standard_normal(image.shape) for image in y]
x_box = np.zeros_like(x)
x_box[:, 0] = np.kron(np.stack(y), np.ones((1, 3, 3)))  # each pixel 3 × 3 times
x_box[:, 1, 23:26, 23:26] = box  # its centre in the middle
x_box[:, 2], x_box[:, 3] = 3, 0.01
for words in ("interpolation", "USRNet"):
    print(f"{words:16} {psnr(methods[words].estimate(x_box), s).mean():.1f} dB")

# %% [markdown]
# **2. Told wrongly.** Give USRNet the kernel of another image, and then twice the noise level.
# Which costs more?

# %% tags=["hide-cell"]
# Solution: the kernel does.
usrnet = methods["USRNet"]
print(f"all is right     {psnr(usrnet.estimate(x), s).mean():.1f} dB")
for words, told in {
    "another kernel": {"told_kernel": "another"},
    "twice the noise": {"told_noise": 2.0},
}.items():
    wrong = truth.believed(**told).draw(24, "test", 0)
    print(f"{words:16} {psnr(usrnet.estimate(wrong.x), s).mean():.1f} dB")

# %% [markdown]
# **3. Where it begins.** Build USRNet untrained, and give it the denoiser of plug-and-play. Is it
# plug-and-play?

# %% tags=["hide-cell"]
# Solution: yes, to the last digits.
settings = {"iterations": 5, "strength": 2.0}
start = mbdl.load("5.3_many_degradations", "plug_and_play_start", **settings)
unfolded = mbdl.image_restoration.Usrnet(truth, **settings)
unfolded.prior.load_state_dict(start.prior.state_dict())
print("largest difference:", np.abs(unfolded.estimate(x) - start.estimate(x)).max())
