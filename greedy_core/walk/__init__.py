"""The greedy walk through the states: proposals, probes, acceptance, held-out metrics."""
