"""
Families of events: for each a folder with what it is to log, catalog and graph.

`registry` lists them; `base` says what a family is. Nothing here knows a store.
"""
