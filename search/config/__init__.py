"""Settings of a sweep: their keys, defaults, bounds and places, read from files and overrides.

Nothing here knows what a sweep has done.
"""
