"""The plan and the tree of states that all walks share, with what is computed once for them.

Nothing here decides which states are visited.
"""
