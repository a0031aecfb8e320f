"""How large an experiment file, and what it asks for, may be: far above any that is meant.

In brackets stands what the largest of the shipped experiments has.
"""

from __future__ import annotations

# The file -----------------------------------------------------------------------------------------

BYTES = 150_000
"""Bytes of a file (24 568)."""

VALUES = 20_000
"""Values in a file, those counted again that an alias (*name) repeats (1371)."""

ITEMS = 500
"""Values of one list, or keys of one mapping (88)."""

DEPTH = 20
"""Lists and mappings that stand one inside the other (5)."""

KEY = 100
"""Characters of a key, and of a file's name, from which longer names of files are made (29)."""

TEXT = 5000
"""Characters of a text (300)."""

FORMULA = 300
"""Characters of a line of the figure that has a formula in it: parsing takes long (0)."""

NUMBER = 40
"""Characters of a number (19)."""

INTEGER = 10**15
"""A whole number, up to which floating point tells each from the next."""

MEASURED_BYTES = 2 * 10**9
"""Bytes of a file of measured pairs, which is read at once."""

# What it asks for ---------------------------------------------------------------------------------

COUNT = 10**7
"""Pairs of a data set, gradient steps, iterations (50 000)."""

SEEDS = 10_000
"""Seeds (100)."""

SIZE = 10**4
"""A whole number in a scenario, such as how many sensors or time steps there are (1000)."""

ENTRIES = 2 * 10**6
"""The product of a scenario's two largest whole numbers, and the square of one that a matrix may
have twice: entries of one pair, or of a matrix (1 000 000)."""

IN_TIME = ("burn_in_steps", "n_snapshots", "n_steps", "substeps", "taylor_order")
"""Whole numbers of scenarios that no matrix has twice."""

POINTS = 300
"""Points of the sweep, each with each size of the training set, times points of the test sweep
(42)."""

SCORINGS = 20_000
"""These times blocks of seeds: how often each method is scored (126)."""

COMBINATIONS = 10_000
"""Points of the sweep times what designers may assume there: each is tried (87)."""

CHOICES = 10_000
"""Combinations of values that a method's settings are chosen from (48)."""

JOBS = 1000
"""Jobs that the training of one method is shared out to (1)."""

PANELS = 50
"""Panels of a figure (6), and columns of panels or of its legend."""

PAIRS = 100
"""Pairs of places that one claim compares (10)."""

# What messages show -------------------------------------------------------------------------------

MESSAGES = 20
"""Mistakes that are told at a time; of more, how many."""

MESSAGE = 500
"""Characters of a mistake's message."""

SHOWN = 60
"""Characters of a key, or of a value, that a message shows."""
