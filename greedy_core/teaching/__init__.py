"""How the factworld model was made and is measured.

Nothing here edits for users, and nothing that edits needs it.
"""
