"""A meter that records every call."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from framecloak.domain.ports.metrics import SliceOutcome, Stage


@dataclass
class FakeMeter:
    stages: defaultdict[Stage, list[float]] = field(default_factory=lambda: defaultdict(list))
    batches: list[int] = field(default_factory=list)
    delivered: int = 0
    blanked: int = 0
    recovered: int = 0
    ends: list[tuple[str, SliceOutcome, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)
    not_removed: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)

    def stage(self, stage: Stage, seconds: float) -> None:
        self.stages[stage].append(seconds)

    def model_batch(self, size: int) -> None:
        self.batches.append(size)

    def frames(self, count: int, blanked: int) -> None:
        self.delivered += count
        self.blanked += blanked

    def slice_recovered(self) -> None:
        self.recovered += 1

    def slice_ended(self, kind: str, outcome: SliceOutcome, seconds: float) -> None:
        self.ends.append((kind, outcome, seconds))

    def slice_failed(self, code: str) -> None:
        self.failures.append(code)

    def retried(self, what: str) -> None:
        self.retries.append(what)

    def cleaned_up(self, removed: Mapping[str, int], failed: Mapping[str, int]) -> None:
        self.removed.update(removed)
        self.not_removed.update(failed)

    def file_damaged(self, kind: str) -> None:
        self.damaged.append(kind)


@dataclass
class FakeModelMeter:
    queue: list[int] = field(default_factory=list)
    calls: list[tuple[int, float]] = field(default_factory=list)

    def set_waiting(self, items: int) -> None:
        self.queue.append(items)

    def record_call(self, items: int, seconds: float) -> None:
        self.calls.append((items, seconds))

    @property
    def sizes(self) -> list[int]:
        return [items for items, _ in self.calls]
