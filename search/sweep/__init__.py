"""What a sweep is and what it holds: sweep.yaml, its earlier trials, its proposals and rungs.

Nothing here runs a trial, and nothing needs Ray.
"""
