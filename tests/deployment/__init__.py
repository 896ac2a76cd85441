"""What tests of ``edge.conf``, ``docker-compose.yml`` and ``Dockerfile`` share."""
