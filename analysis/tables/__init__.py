"""A sweep's folder as tables: what counts, its columns, its parts, verified as they are read."""
