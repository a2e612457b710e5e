"""Index of a video stream: the packet of each frame, and the packet at which decoding it begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Timestamps = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PacketTable:
    """Packets of one video stream in decoding order; all arrays have shape (n,).

    Attributes:
        pts: presentation timestamps in ticks of the stream, each unique.
        dts: decoding timestamps in ticks, by which containers seek.
        keyframe: True where decoding can begin.
        shown: True where the packet gives a visible frame; edit lists and codecs hide some.
    """

    pts: Timestamps
    dts: Timestamps
    keyframe: Flags
    shown: Flags

    def __len__(self) -> int:
        return len(self.pts)


class FrameIndex:
    """Index of a video's frames, numbered from 0 in the order of their presentation timestamps.

    Args:
        packets: all packets of the stream.
    """

    def __init__(self, packets: PacketTable) -> None:
        # Numbers of 32 bits: a day of frames with numbers of 64 would take half a gigabyte more.
        count = len(packets)
        self._packets = packets
        self._order = np.argsort(packets.pts, kind="stable").astype(np.int32)
        self._sorted_pts = packets.pts[self._order]
        shown = packets.shown[self._order]
        self._frame_of_slot = np.cumsum(shown, dtype=np.int32) - np.int32(1)
        self._frame_of_slot[~shown] = -1
        self._slot_of_frame = np.flatnonzero(shown).astype(np.int32)
        # A slot is a position in presentation order, hidden packets included. For each slot, the first
        # packet that is needed to show it and all later ones.
        self._first_packet = np.minimum.accumulate(self._order[::-1])[::-1]
        self._keyframes = np.flatnonzero(packets.keyframe).astype(np.int32)
        slots = np.empty(count, np.int32)
        slots[self._order] = np.arange(count, dtype=np.int32)
        self._keyframe_slots = slots[self._keyframes]

    def __len__(self) -> int:
        """Return the number of visible frames."""
        return len(self._slot_of_frame)

    @property
    def span(self) -> int:
        """Ticks from the first frame's timestamp to the last frame's."""
        if not len(self):
            return 0
        first, last = self._sorted_pts[self._slot_of_frame[[0, -1]]].tolist()
        return int(last - first)

    @property
    def stamps(self) -> Timestamps:
        """Presentation timestamps of all frames in ticks."""
        return self._sorted_pts[self._slot_of_frame]

    def timestamps(self, start: int, stop: int) -> list[int]:
        """Return the presentation timestamps of the frames ``[start, stop)`` in ticks."""
        stamps: list[int] = self._sorted_pts[self._slot_of_frame[start:stop]].tolist()
        return stamps

    def pts(self, packet: int) -> int:
        """Return the presentation timestamp of a packet, given its index in decoding order."""
        return int(self._packets.pts[packet])

    def seek_target(self, packet: int) -> int:
        """Return the timestamp to seek to so that reading begins at or before a packet."""
        return int(min(self._packets.dts[packet], self._packets.pts[packet]))

    def frame_number(self, pts: int) -> int | None:
        """Return the number of the frame with a timestamp; None if no visible frame has it."""
        slot = self._slot(pts)
        return None if slot is None or self._frame_of_slot[slot] < 0 else int(self._frame_of_slot[slot])

    def packet_index(self, pts: int) -> int | None:
        """Return the index in decoding order of the packet with a timestamp; None if there is none."""
        slot = self._slot(pts)
        return None if slot is None else int(self._order[slot])

    def is_keyframe(self, pts: int) -> bool:
        """Return True if decoding can begin at the packet with a timestamp."""
        packet = self.packet_index(pts)
        return packet is not None and bool(self._packets.keyframe[packet])

    def entry_packet(self, number: int) -> int:
        """Return the packet at which decoding must begin to show a frame and all frames after it.

        It is the last keyframe that is neither shown nor decoded after any of these frames. For leading
        frames, which an open GOP shows before its own keyframe, decoding begins one GOP earlier.

        Returns:
            Index in decoding order; 0, the first packet, if no keyframe precedes the frame.
        """
        slot = self._slot_of_frame[number]
        usable = (self._keyframe_slots <= slot) & (self._keyframes <= self._first_packet[slot])
        return int(self._keyframes[usable][-1]) if usable.any() else 0

    def intact_frame_count(self, broken: Flags) -> int:
        """Return the number of frames, from the first on, that need none of the broken packets.

        Args:
            broken: (n,) flags in decoding order, True for a broken packet.
        """
        slots = np.flatnonzero(broken[self._order])
        return int(np.searchsorted(self._slot_of_frame, slots[0])) if len(slots) else len(self)

    def _slot(self, pts: int) -> int | None:
        slot = int(np.searchsorted(self._sorted_pts, pts))
        exists = slot < len(self._sorted_pts) and self._sorted_pts[slot] == pts
        return slot if exists else None
