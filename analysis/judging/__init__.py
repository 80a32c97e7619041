"""What the tables say about settings: intervals, leads, confirmations, verdicts."""
