"""The greedy walk through the states: proposals, probes, acceptance, held-out metrics.

Nothing here changes a state: a walk only chooses which ones it visits.
"""
