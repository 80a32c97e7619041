"""What runs a session's trials: the interface of every executor, and the one without Ray.

Ray Tune's is `search.tune`. Nothing here decides what is run, stopped or kept.
"""
