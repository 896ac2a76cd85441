"""
What the catalog's tables are made of: columns and keys, changes of rows, and what databases spell differently.

And what questions about them are made of: how they reach a database, and lists with filters, order and pages.
"""
