"""Which packet of a video stream holds which frame, and where decoding has to begin for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PacketTable:
    """The packets of one video stream in decoding order; all arrays are (n,).

    Attributes:
        pts: when the packet's frame is shown, in ticks of the stream; every value occurs once.
        dts: when the packet is decoded, in ticks; what containers are sought by.
        keyframe: whether decoding can begin here.
        shown: whether the packet gives a frame to show; edit lists and codecs hide some.
    """

    pts: Stamps
    dts: Stamps
    keyframe: Flags
    shown: Flags

    def __len__(self) -> int:
        return len(self.pts)


class FrameIndex:
    """Frames of a video numbered in presentation order from 0, by their timestamps.

    Args:
        packets: every packet of the stream.
    """

    def __init__(self, packets: PacketTable) -> None:
        self._packets = packets
        self._order = np.argsort(packets.pts, kind="stable")
        self._sorted_pts = packets.pts[self._order]
        shown = packets.shown[self._order]
        self._number = np.where(shown, np.cumsum(shown) - 1, -1)
        self._slot_of_frame = np.flatnonzero(shown)
        # For each slot in presentation order: the first packet needed to show it and all later ones.
        self._first_packet = np.minimum.accumulate(self._order[::-1])[::-1]
        self._keyframes = np.flatnonzero(packets.keyframe)
        self._keyframe_slots = np.argsort(self._order)[self._keyframes]

    def __len__(self) -> int:
        """How many frames are shown."""
        return len(self._slot_of_frame)

    @property
    def span(self) -> int:
        """Ticks from the first frame's timestamp to the last one's."""
        stamps = self._sorted_pts[self._slot_of_frame]
        return int(stamps[-1] - stamps[0]) if len(stamps) else 0

    def stamps(self, start: int, stop: int) -> list[int]:
        """Timestamps of the frames ``[start, stop)``."""
        stamps: list[int] = self._sorted_pts[self._slot_of_frame[start:stop]].tolist()
        return stamps

    def pts(self, packet: int) -> int:
        """The presentation timestamp of a packet, given by its place in decoding order."""
        return int(self._packets.pts[packet])

    def seek_target(self, packet: int) -> int:
        """The timestamp to seek to so that reading begins at or before a packet."""
        return int(min(self._packets.dts[packet], self._packets.pts[packet]))

    def number(self, pts: int) -> int | None:
        """The number of the frame with a timestamp; None when no shown frame has it."""
        slot = self._slot(pts)
        return None if slot is None or self._number[slot] < 0 else int(self._number[slot])

    def packet(self, pts: int) -> int | None:
        """The place in decoding order of the packet with a timestamp; None when there is none."""
        slot = self._slot(pts)
        return None if slot is None else int(self._order[slot])

    def is_keyframe(self, pts: int) -> bool:
        """Whether decoding can begin at the packet with a timestamp."""
        packet = self.packet(pts)
        return packet is not None and bool(self._packets.keyframe[packet])

    def entry(self, number: int) -> int:
        """The packet at which decoding begins in order to show a frame and all that follow it.

        It is the last keyframe that is neither shown nor decoded after any of them. The frames that an
        open group of pictures shows before its own keyframe thus begin one group earlier.

        Returns:
            A place in decoding order; 0, the very first packet, where no keyframe comes before.
        """
        slot = self._slot_of_frame[number]
        usable = (self._keyframe_slots <= slot) & (self._keyframes <= self._first_packet[slot])
        return int(self._keyframes[usable][-1]) if usable.any() else 0

    def frames_before(self, broken: Flags) -> int:
        """How many frames from the first on can be shown without any of the packets that are broken.

        Args:
            broken: (n,) in decoding order.
        """
        slots = np.flatnonzero(broken[self._order])
        return int(np.searchsorted(self._slot_of_frame, slots[0])) if len(slots) else len(self)

    def _slot(self, pts: int) -> int | None:
        slot = int(np.searchsorted(self._sorted_pts, pts))
        found = slot < len(self._sorted_pts) and self._sorted_pts[slot] == pts
        return slot if found else None
