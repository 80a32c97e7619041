"""What the tables say about settings: intervals, leads, confirmations, verdicts.

Nothing here reads a file or draws.
"""
