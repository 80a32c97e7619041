"""EMMET (Gupta et al. 2024, arXiv 2403.14236): equality-constrained editing of batches."""
