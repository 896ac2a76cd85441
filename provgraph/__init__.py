"""provgraph: an event-sourced provenance graph service."""

__version__ = "0.1.0"
