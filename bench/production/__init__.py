"""The benchmark of the production pair, PostgreSQL and Neo4j, beside bare drivers. See ``../README.md``."""
