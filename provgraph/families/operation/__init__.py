"""What operators did to the log and its projections."""
