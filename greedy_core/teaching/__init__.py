"""How the factworld model was made and is measured; nothing that edits needs it."""
