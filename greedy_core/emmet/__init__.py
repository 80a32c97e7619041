"""EMMET (Gupta et al. 2024, arXiv 2403.14236): equality-constrained editing of batches.

Keys, target values, second moments and the closed form. Nothing here judges an update or keeps it.
"""
