"""Where computed artefacts are kept: in memory, in a folder, under keys made of their inputs.

Nothing here knows what an artefact means.
"""
