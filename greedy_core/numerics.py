"""The version of what this package computes, for keys of artefacts and for the files of sweeps."""

NUMERICS_VERSION = 3
"""Raised whenever a change in this package changes a bit of any result."""
