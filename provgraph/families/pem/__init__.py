"""What emitters report: process event messages."""
