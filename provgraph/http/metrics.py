"""
Counts and gauges for Prometheus.

Counts are plain integers, added to on the event loop's thread alone: a request pays a dictionary look-up for being
counted. Gauges are asked for when somebody scrapes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from provgraph.errors import ProvgraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Gauge(NamedTuple):
    """A value that is asked for when somebody scrapes."""

    name: str
    help: str
    value: Callable[[], float]


class Metrics:
    """
    What one process tells Prometheus, in a registry of its own.

    Count on the event loop's thread; render from any.
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._verdicts: Counter[str] = Counter(
            dict.fromkeys(("accepted", "duplicate", "conflict", "invalid"), 0)
        )
        self._gauges: list[Gauge] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count_request(self, group: str, status: int) -> None:
        """Count a request that was answered with ``status`` (0: not at all, the client went away)."""
        self._requests[group, f"{status // 100}xx" if status else "none"] += 1

    def count_verdicts(self, verdict: str, events: int = 1) -> None:
        """Count events that were judged so."""
        self._verdicts[verdict] += events

    def show(self, *gauges: Gauge) -> None:
        """Add gauges to what is shown."""
        self._gauges.extend(gauges)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield everything; Prometheus' registry calls this."""
        requests = CounterMetricFamily("provgraph_requests", "Requests answered.", labels=("group", "status"))
        for (group, status), count in sorted(self._requests.copy().items()):
            requests.add_metric((group, status), count)
        yield requests
        events = CounterMetricFamily("provgraph_events", "Events judged.", labels=("verdict",))
        for verdict, count in self._verdicts.copy().items():
            events.add_metric((verdict,), count)
        yield events
        for gauge in self._gauges:
            try:
                value = gauge.value()
            except ProvgraphError:
                continue  # what cannot be asked is not shown; the probes tell why
            yield GaugeMetricFamily(gauge.name, gauge.help, value)
