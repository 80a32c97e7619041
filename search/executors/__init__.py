"""What runs a session's trials, whatever it is: the interface, and the executor without Ray.

Ray Tune's is `search.tune`. Nothing here decides what is run, stopped or kept.
"""
