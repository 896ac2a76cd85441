"""How much of everything one run measures."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import workload


@dataclass(frozen=True)
class Plan:
    """The sizes of one run; the defaults are those the bars are stated for."""

    folder: Path
    rounds: int = 5
    events: int = workload.DEFAULT_COUNT
    grown: int = 200_000
    """How many PEMs are in when intake is measured again and memory is looked at."""
    window: int = 5_000
    """Intake at a size is the median rate of a few windows of this many PEMs."""
    windows: int = 4
    batch: int = 500
    clients: int = 32
    """Connections for single PEMs."""
    batch_clients: int = 4
    """Connections for batches."""
    beside: int = 10_000
    """How many single PEMs are sent beside heavy readers, and as many before without them."""
    beside_clients: int = 8
    arriving_per_second: int = 1_000
    arriving_seconds: float = 15.0

    def fresh(self, name: str) -> Path:
        """Make an empty folder below the run's own."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
