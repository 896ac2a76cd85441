"""Service 1: HTTP in. Authenticate, check sizes, validate, append to the event log."""
