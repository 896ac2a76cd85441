# One image for each service, each with its own folder and no other:
#   docker build --target receiver .      (or graphbuilder, infrahub, or query, which serves the admin API too)
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY constraints-server.txt ./
RUN python -m venv /opt/provgraph \
    && /opt/provgraph/bin/pip install --require-hashes --no-deps -r constraints-server.txt
COPY pyproject.toml README.md LICENSE ./
COPY provgraph provgraph
RUN /opt/provgraph/bin/pip install --no-deps --no-build-isolation --no-index .

FROM python:${PYTHON_VERSION}-slim AS runtime
ENV PATH=/opt/provgraph/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent provgraph
WORKDIR /app
COPY --from=build /opt/provgraph /opt/provgraph
USER 10001
EXPOSE 8082
# Deep verification and comparing what was rebuilt replay the log there: it may be large, so not in memory.
ENV PROVGRAPH_HOST=0.0.0.0 TMPDIR=/var/tmp
ENTRYPOINT ["provgraph"]

FROM runtime AS receiver
COPY receiver receiver
CMD ["serve", "receiver"]

FROM runtime AS graphbuilder
COPY graphbuilder graphbuilder
CMD ["serve", "graphbuilder"]

FROM runtime AS infrahub
COPY infrahub infrahub
CMD ["serve", "infrahub"]

FROM runtime AS query
COPY query query
COPY admin admin
CMD ["serve", "query", "admin"]
