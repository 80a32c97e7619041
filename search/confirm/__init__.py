"""Runs chosen settings again on reserved records.

Whether a choice holds is not judged here; see `analysis.judging`.
"""
