"""A sweep's folder as tables: what counts, its columns, its parts, verified as they are read.

Nothing here writes, and nothing says what a number means.
"""
