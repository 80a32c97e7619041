"""What an edit reads: records, corpus, a model's configuration; all checked without torch.

Nothing here edits or guesses: what cannot be read as it is meant is refused, with its place.
"""
