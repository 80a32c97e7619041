"""The command line: commands, their tables and messages, exit codes.

Nothing here computes: each command calls a function of another package, and only this one prints.
"""
