"""
Infrahub's protocol, for scripts that use its SDK unmodified.

Not a schema of the whole service: the calls of tracked scripts, each mapped on one command of `provgraph.tracking`.
"""
