"""Readers that turn what other systems recorded into PEMs."""
