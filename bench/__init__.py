"""The benchmark: provgraph beside bare SQLite, measured in the same run. See ``README.md`` in this folder."""
