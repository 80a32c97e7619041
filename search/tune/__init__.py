"""Runs a sweep with Ray Tune: one driver's session, from what is on disk back to disk.

What a trial computes is not here, nor how rows become files.
"""
