"""``python -m provgraph.cli``."""

from provgraph.cli.app import app

app(prog_name="provgraph")
