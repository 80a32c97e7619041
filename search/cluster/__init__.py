"""The machines and processes that a sweep runs on: Ray's start and end, signals, signs of life.

Nothing here knows what a trial is for.
"""
