"""Comparisons: questions that several experiments answer together, in one unit."""
