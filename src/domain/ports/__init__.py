"""Everything that the domain asks of the world.

An adapter does not inherit from these; it has the methods. One contract suite per port runs on the
hand-written fake and on the real adapter. ``imaging`` holds what the pipeline needs, ``persistence`` and
``services`` what the service needs around it.
"""

from framecloak.domain.ports.imaging import (
    Archive,
    ArchiveReader,
    AreaDetector,
    FaceDetector,
    Frame,
    FrameEncoder,
    FrameReader,
    FrameSource,
    Misfit,
    Redactor,
    Sound,
    SourceInfo,
)

__all__ = [
    "Archive",
    "ArchiveReader",
    "AreaDetector",
    "FaceDetector",
    "Frame",
    "FrameEncoder",
    "FrameReader",
    "FrameSource",
    "Misfit",
    "Redactor",
    "Sound",
    "SourceInfo",
]
