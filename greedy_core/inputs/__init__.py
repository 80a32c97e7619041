"""What an edit reads: records, corpus, a model's configuration; all checked without torch."""
