"""Operate: verify, rebuild, flush, clean, connection reports, credentials."""
