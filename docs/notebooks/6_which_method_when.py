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
# # 6 Which method when
#
# An engineer has a matrix $H$ that is somewhat wrong, fifty recordings, and a microcontroller. Out
# of the tables of all experiments you choose a method for her, and see how the choice turns over
# when she has more recordings.
#
# Each method's error is stated over that of the best one under the same conditions,
#
# $$\text{over the best} = 10 \log_{10} \frac{\text{error of the method}}{\text{error of the best}}
#   \;\text{dB} ,$$
#
# beside the operations of one estimate, and what it is told: its *belief*.

# %%
import matplotlib.pyplot as plt

import mbdl_repro as mbdl
from mbdl_repro.figures.style import COLOURS, RC

plt.rcParams.update(RC)

# %% [markdown]
# ## Data

# %%
choices = mbdl.table("6_which_method_when").query("budget == 'any'")
print(choices.groupby(["example", "condition"])["n_train"].unique().to_string())

# %% [markdown]
# ## Method
#
# What is known, how much data there is, what an estimate may cost: three conditions, one line each.


# %%
def choose(example, condition, n_train, operations):
    here = choices.query("example == @example and condition == @condition and n_train == @n_train")
    allowed = here[here["operations"] <= operations]
    return allowed.sort_values("over_best")


engineer = {"example": "linear estimation", "condition": "wrong H", "operations": 5000}
shown = ["legend", "family", "knowledge", "n_parameters", "operations", "over_best"]
print(choose(n_train=50, **engineer)[shown].head(3).round(2).to_string(index=False))

# %% [markdown]
# ## Figure
#
# Left, with fifty recordings; right, with three thousand. The shaded part is what the
# microcontroller cannot do in time.

# %%
colours = {family.title: colour for family, colour in COLOURS.items()}
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), sharex=True, sharey=True)
for ax, n_train in zip(axes, (50, 3000), strict=True):
    here = choices.query("example == 'linear estimation' and condition == 'wrong H'")
    for row in here[here["n_train"] == n_train].itertuples():
        ax.plot(row.operations, row.over_best, "o", color=colours[row.family], label=row.family)
    best = choose(n_train=n_train, **engineer).iloc[0]
    spot = (best["operations"], best["over_best"])
    ax.plot(*spot, "o", ms=12, mfc="none", color="#222222")
    ax.annotate(best["legend"], spot, (8, 10), textcoords="offset points")
    ax.axvspan(engineer["operations"], 1e6, color="#eeeeee", zorder=0)
    ax.set(xscale="log", xlim=(1e3, 1e6), xlabel="operations of an estimate")
    ax.set_title(f"{n_train} recordings")
axes[0].set_ylabel("error over the best (dB)")
handles = dict(zip(*axes[0].get_legend_handles_labels()[::-1], strict=True))
order = [title for title in colours if title in handles]
_ = figure.legend([handles[title] for title in order], order, loc="outside right upper")

# %% [markdown]
# ## Predict, then check
#
# *A black box knows nothing of $H$, right or wrong. With three thousand recordings, is it still
# behind the best of all?* The claim, for each running example and condition:

# %%
verdicts = mbdl.verdicts("6_which_method_when")
for row in verdicts[verdicts["claim"].str.contains("black box with much data")].itertuples():
    print(f"{row.verdict:9} {row.claim}: {row.left_value:.2f} dB")

# %% [markdown]
# ## Exercises
#
# **1. Fewer operations.** The controller tracks a target, $H$ is rotated, and there are twenty
# recordings. Which filter do you take if an estimate may cost a thousand operations at most? And
# what did that limit cost?

# %% tags=["hide-cell"]
# Solution: the best within the limit, beside the best of all.
tracking = {"example": "filtering", "condition": "wrong H", "n_train": 20}
for limit in (1000, 10_000):
    print(choose(**tracking, operations=limit)[shown].head(1).round(2).to_string(index=False))

# %% [markdown]
# **2. A rule of thumb fails.** "Estimate what is wrong before you learn a rule." Where does
# generative learning fail to be near the best with much data, and why?

# %% tags=["hide-cell"]
# Solution: where what generates the data is itself described wrongly.
rule = verdicts[verdicts["claim"].str.startswith("Estimate what is wrong")]
for row in rule.itertuples():
    print(f"{row.verdict:9} {row.claim.split('(')[-1].strip(').')}: {row.left_value:.2f} dB")
print(*rule.query("verdict == 'fails'")["remark"])

# %% [markdown]
# **3. The price of a choice made too early.** She takes the best method for fifty recordings, and
# then records three thousand. What does it cost her not to choose again?

# %% tags=["hide-cell"]
# Solution: look the same method up under the new conditions, fitted to all that there is then.
early = choose(n_train=50, **engineer).iloc[0]
later = choose(n_train=3000, **engineer).set_index("method")["over_best"]
print(f"{early['legend']}: {early['over_best']:.2f} dB over the best with 50 recordings,", end=" ")
print(f"{later[early['method']]:.2f} dB with 3000, where {later.idxmin()} has {later.min():.2f} dB")
