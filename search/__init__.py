"""Sweeps with Ray Tune over greedy editing; the only package that imports Ray.

Importing this package loads neither ray nor torch, so that configurations are checked in no time.
"""
