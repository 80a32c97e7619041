"""Every walk of a space of walk settings: the pieces in which all settings walk alike.

Nothing here judges a step in a way of its own: the rules are those of `walk`.
"""
