"""EMMET (Gupta et al. 2024, arXiv 2403.14236): batched equality-constrained editing, closed form."""
