"""A recorded trial as files that other people load: walked again, compared, written whole.

Nothing here chooses a trial by itself, or changes the sweep that it reads.
"""
