"""A language model as editing sees it: loaded, run in parts, scored, overlaid with factors, saved.

Nothing here knows what is edited.
"""
