"""What operators accept of a log that something is wrong with."""
