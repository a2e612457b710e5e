"""Accepted requests, and what an installation can accept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.estimates import EstimatedTime, TimeModel
from framecloak.domain.anonymization.model.request import AnonymizationRequest


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted request.

    Attributes:
        request: the request as stored.
        estimated: estimated time until it is completed, including requests queued before it, loading of
            models and packing of the result.
    """

    request: AnonymizationRequest
    estimated: EstimatedTime

    @property
    def estimated_seconds(self) -> int:
        """Estimated whole seconds until it is completed."""
        return math.ceil(self.estimated.seconds)


@dataclass(frozen=True, slots=True)
class ServiceCapacity:
    """Capacity of the installation as seen by a client that is about to submit a request.

    Attributes:
        levels: levels that the installation can deliver.
        max_frames: maximum frames of one request.
        frames_waiting: frames of unfinished requests, which are processed before a new one.
        seconds_waiting: estimated duration of processing those requests.
        time_model: model of the processing times of requests, for estimates as ranges.
    """

    levels: tuple[Level, ...]
    max_frames: int
    frames_waiting: int
    seconds_waiting: float
    time_model: TimeModel
