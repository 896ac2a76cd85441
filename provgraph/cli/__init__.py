"""The command line, ``provgraph ...``, and the composition root."""


def main() -> None:
    """Run the command line on this process's arguments, and end the process with one of `provgraph.cli.exits`."""
    from provgraph.cli.app import app

    app()


__all__ = ["main"]
