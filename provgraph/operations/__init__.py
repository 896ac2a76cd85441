"""
What an operator does to the stores: flush, verify, rebuild, clean, connection reports, credentials.

Every function takes the interfaces (`EventLog`, `Catalog`, `GraphStore`), blocks until its work is done, and knows
nothing of HTTP.
"""
