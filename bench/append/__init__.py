"""What an append costs, beside another checkout of the project: ``python -m bench.append CHECKOUT``."""
