"""The graph builder: reads the event log behind the graph's checkpoint, projects, applies; rebuilds on request."""
