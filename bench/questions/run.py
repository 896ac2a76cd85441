"""
``python -m bench.questions``: ask graphs of different sizes the same questions, and print how long the answers took.

The questions are asked in process, of the embedded store or of Neo4j: what is measured is the work on the graph,
without HTTP. Each figure is a median. The floor of a row is the same question on a small graph, in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

from bench import machine, rounds, units, workload
from bench.figures import Bar, Row, Sample
from bench.questions import graphs
from bench.report import Report
from bench.rounds import Measurement, Rounds
from provgraph.graphstore import View
from provgraph.lineage import LineageRequest, lineage
from provgraph.lineage.impact import Impact, impact
from provgraph.lineage.path import Path as PathQuestion
from provgraph.lineage.path import path
from provgraph.lineage.state import diff, state
from provgraph.lineage.trace import Trace, trace
from provgraph.lineage.why import Why, why

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.rounds import Samples
    from provgraph.graphstore import GraphStore

_REPEATED = 30
_SMALL_HOT = 100
_LAYERS, _WIDTH = 40, 10
_THRICE, _TWICE = Bar(ratio_at_most=3), Bar(ratio_at_most=2)
_TWO_SECONDS, _ONE_SECOND = Bar(figure_at_most=2.0), Bar(figure_at_most=1.0)
_FIRST_US = graphs.FIRST_SECOND * 1_000_000


class Sizes(NamedTuple):
    """How large the graphs are; the defaults are those the bars are stated for."""

    hot: int = 100_000
    small: int = 20_000
    large: int = 1_000_000


def rows(sizes: Sizes) -> list[Row]:
    """List the table's rows in the order they are printed."""
    hot, large = f"{sizes.hot:,}", f"{sizes.large:,}"
    few = f"with {_SMALL_HOT}"
    small = f"on {sizes.small:,}"
    milliseconds = units.milliseconds
    return [
        Row("hot", f"lineage of one use of a table made and used {hot} times", milliseconds, _THRICE, few),
        Row("hot_then", "the same, as of then", milliseconds, _THRICE, few),
        Row("hot_why", "why one of them happened", milliseconds, _THRICE, few),
        Row(
            "diamonds", f"all upstream of {_LAYERS} layers of {_WIDTH} x {_WIDTH}", milliseconds, _TWO_SECONDS
        ),
        Row("diamonds_why", "why, on the same", milliseconds, _TWO_SECONDS),
        Row("upstream", f"upstream, depth 10, `recent`, on {large}", milliseconds, _TWICE, small),
        Row("upstream_then", "the same, as of half the time", milliseconds, _TWICE, small),
        Row("why", f"why, depth 10, `recent`, on {large}", milliseconds, _TWICE, small),
        Row("state", f"state at half the time, first 1,000, on {large}", milliseconds, _ONE_SECOND, small),
        Row("state_known", "the same, as it was known half-way", milliseconds, _ONE_SECOND, small),
        Row("diff", f"difference of two times, one page, on {large}", milliseconds, None, small),
        Row("impact", f"impact to depth 3, on {large}", milliseconds, None, small),
        Row("path", f"path over some events, on {large}", milliseconds, None, small),
        Row("uniform", f"upstream, depth 10, `uniform`, on {large}", milliseconds, None, small),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 if it ran. Missing a bar is not a failure."""
    options = _options(arguments)
    sizes = Sizes(2_000, 2_000, 20_000) if options.quick else Sizes(large=options.events)
    with tempfile.TemporaryDirectory(prefix="provgraph-bench-") as name:
        folder = Path(name)
        stores = graphs.EmbeddedStores(folder) if options.store == "embedded" else graphs.Neo4jStores()
        found = Rounds(folder, options.rows.split(","))
        found.probe("the beginning")
        for one in (
            Measurement(("hot", "hot_then", "hot_why"), partial(_hot, stores, sizes)),
            Measurement(("diamonds", "diamonds_why"), partial(_diamonds, stores)),
            Measurement(_LARGE, partial(_large, stores, sizes)),
            Measurement(("uniform",), partial(_uniform, stores, sizes)),
        ):
            if found.wants(one):
                found.take(one)
        found.probe("the end")
        report = Report(
            machine=machine.describe(folder),
            states=found.states,
            summaries=found.summaries(rows(sizes)),
            samples=found.samples,
            failures=found.failures,
            peers=(),
            full_size=not options.quick and options.events >= Sizes().large,
        )
    return rounds.tell(report, options.results)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.questions", description=main.__doc__)
    every = ",".join(row.key for row in rows(Sizes()))
    parser.add_argument("--rows", default=every, help="which, with commas")
    parser.add_argument("--store", choices=("embedded", "neo4j"), default="embedded", help="where graphs lie")
    parser.add_argument("--events", type=int, default=Sizes().large, help="events of the large graph")
    parser.add_argument("--quick", action="store_true", help="small graphs: a smoke test")
    parser.add_argument("--results", type=Path, default=rounds.RESULTS, help="folder for the JSON file")
    return parser.parse_args(arguments)


def _median(questions: Sequence[Callable[[], object]]) -> float:
    """Ask each question once, and return the median seconds; the first few answers do not count."""
    for question in questions[:3]:
        question()
    seconds = []
    for question in questions:
        began = time.perf_counter()
        question()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


# ---- hot artifacts


def _hot(stores: graphs.Stores, sizes: Sizes) -> Samples:
    with (
        graphs.filled(stores, graphs.hot(sizes.hot)) as hot,
        graphs.filled(stores, graphs.hot(_SMALL_HOT)) as cool,
    ):
        for key, ask in (("hot", _lineage_of), ("hot_then", _lineage_then), ("hot_why", _why_of)):
            yield key, Sample(_median(ask(hot, sizes.hot)), _median(ask(cool, _SMALL_HOT)))


def _reads(count: int) -> list[int]:
    return [count // 2 + (number * count) // (4 * _REPEATED) for number in range(_REPEATED)]


def _lineage_of(store: GraphStore, count: int) -> list[Callable[[], object]]:
    ids = [graphs.event_id(f"read-{number}") for number in _reads(count)]
    return [partial(lineage, store, LineageRequest(f"pem:{id_}")) for id_ in ids]


def _lineage_then(store: GraphStore, count: int) -> list[Callable[[], object]]:
    return [
        partial(
            trace,
            store,
            Trace(
                f"pem:{graphs.event_id(f'read-{number}')}", as_of_us=_FIRST_US + (2 * number + 1) * 1_000_000
            ),
        )
        for number in _reads(count)
    ]


def _why_of(store: GraphStore, count: int) -> list[Callable[[], object]]:
    ids = [graphs.event_id(f"read-{number}") for number in _reads(count)]
    return [partial(why, store, Why(f"pem:{id_}")) for id_ in ids]


# ---- diamonds


def _diamonds(stores: graphs.Stores) -> Samples:
    with graphs.filled(stores, graphs.diamonds(_LAYERS, _WIDTH)) as store:
        last = f"artifact:d/{_LAYERS - 1}/0"
        yield "diamonds", Sample(_median([partial(lineage, store, LineageRequest(last))] * 5))
        yield "diamonds_why", Sample(_median([partial(why, store, Why(last))] * 5))


# ---- a large graph beside a small one

_LARGE = ("upstream", "upstream_then", "why", "state", "state_known", "diff", "impact", "path")


def _large(stores: graphs.Stores, sizes: Sizes) -> Samples:
    # In this shape an answer is as large in a long history as in a short one.
    with (
        graphs.filled(stores, graphs.usual(sizes.large, "recent")) as large,
        graphs.filled(stores, graphs.usual(sizes.small, "recent")) as small,
    ):
        for key in _LARGE:
            ask = _QUESTIONS[key]
            yield key, Sample(_median(ask(large, sizes.large)), _median(ask(small, sizes.small)))


def _uniform(stores: graphs.Stores, sizes: Sizes) -> Samples:
    """Measure where answers grow with the history; how large they are is noted."""
    with (
        graphs.filled(stores, graphs.usual(sizes.large, "uniform")) as large,
        graphs.filled(stores, graphs.usual(sizes.small, "uniform")) as small,
    ):
        notes = {
            "nodes_in_an_answer": _nodes(large, sizes.large),
            "nodes_in_an_answer_of_the_small_one": _nodes(small, sizes.small),
        }
        seconds = _median(_upstream(large, sizes.large)), _median(_upstream(small, sizes.small))
        yield "uniform", Sample(*seconds, notes)


def _nodes(store: GraphStore, count: int) -> float:
    return statistics.median(
        len(orjson.loads(lineage(store, LineageRequest(node, depth=10)))["nodes"]) for node in _targets(count)
    )


def _targets(count: int) -> list[str]:
    chosen = workload.targets(count, how_many=_REPEATED)
    return [f"artifact:{workload.artifact_name(number)}" for number in chosen]


def _upstream(store: GraphStore, count: int) -> list[Callable[[], object]]:
    return [partial(lineage, store, LineageRequest(node, depth=10)) for node in _targets(count)]


def _upstream_then(store: GraphStore, count: int) -> list[Callable[[], object]]:
    half = _half_us(count)
    names = [
        f"artifact:{workload.artifact_name(number)}" for number in range(count // 4, count // 4 + _REPEATED)
    ]
    return [partial(trace, store, Trace(node, depth=10, as_of_us=half)) for node in names]


def _why(store: GraphStore, count: int) -> list[Callable[[], object]]:
    return [partial(why, store, Why(node, depth=10)) for node in _targets(count)]


def _state(store: GraphStore, count: int) -> list[Callable[[], object]]:
    return [partial(state, store, as_of_us=_half_us(count))] * 5


def _state_known(store: GraphStore, count: int) -> list[Callable[[], object]]:
    return [partial(state, store, known_at=count // 2)] * 5


def _diff(store: GraphStore, count: int) -> list[Callable[[], object]]:
    before, after = View(count, _half_us(count)), View(count, _half_us(count) + 10_000_000)
    return [partial(diff, store, before, after, limit=100, seconds=2.0)] * 3


def _impact(store: GraphStore, count: int) -> list[Callable[[], object]]:
    def ask(number: int) -> None:
        list(impact(store, Impact(f"artifact:{workload.artifact_name(number)}", depth=3)).items)

    return [partial(ask, number) for number in range(count // 2, count // 2 + _REPEATED)]


def _path(store: GraphStore, count: int) -> list[Callable[[], object]]:
    events = workload.generate(count, shape="recent")
    asked: list[Callable[[], object]] = []
    for target in workload.targets(count, how_many=5):
        source = target
        for _ in range(4):
            source = events[source].uses[0] if events[source].uses else source
        asked.append(
            partial(path, store, PathQuestion(f"pem:{events[source].id}", f"pem:{events[target].id}"))
        )
    return asked


def _half_us(count: int) -> int:
    return workload.FIRST_SECOND * 1_000_000 + (count // 2) * 1_000_000


_QUESTIONS: dict[str, Callable[[GraphStore, int], list[Callable[[], object]]]] = {
    "upstream": _upstream,
    "upstream_then": _upstream_then,
    "why": _why,
    "state": _state,
    "state_known": _state_known,
    "diff": _diff,
    "impact": _impact,
    "path": _path,
}
