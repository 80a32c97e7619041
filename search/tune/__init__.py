"""Ray Tune as an executor: its searcher, scheduler and callback pass on what a session says.

Nothing here decides what is run, stopped or kept.
"""
