"""What happens in a worker: the base model and its states, what it imports, what it tells.

Nothing here writes results.
"""
