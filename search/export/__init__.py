"""A recorded trial as files that other people load: walked again, compared, written whole."""
