"""Reproduce, check and extend the numerical results of *Model-Based Deep Learning*."""

__version__ = "0.1.0"
