"""What Ratchet costs, measured side by side: `make bench`, or `ROWS=edit,score make bench`."""
