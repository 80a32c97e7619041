"""Greedy knowledge editing with EMMET in LoRA factors; knows nothing of Ray, Optuna or Parquet.

Importing this package loads neither torch nor transformers: records and settings are checked
before anything heavy starts.
"""
