"""Masks of the pixels of a frame that were replaced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes, Corners
from framecloak.domain.imaging.detections import TargetKind

MIN_REDACTED_SHARE = 0.5
"""Minimum redacted share of a detection for it to count as a detection on redacted pixels."""

MIN_KEPT_SHARE = 0.8
"""Minimum share of a detection inside the box of a kept face for it to be that face."""


class RedactionMask:
    """Masks of the replaced pixels of a frame.

    Args:
        size: width and height of the frame in pixels.
        boxes: all replaced boxes.
        black: boxes that were filled with black.
        kept_faces: boxes of faces that stay visible on purpose.
        ellipses: replaced boxes of which only the inscribed ellipse was replaced.
    """

    def __init__(
        self,
        size: tuple[int, int],
        boxes: Sequence[Corners],
        black: Sequence[Corners],
        kept_faces: Sequence[Corners] = (),
        ellipses: Sequence[Corners] = (),
    ) -> None:
        curved = set(ellipses)
        self._redacted = _mask(size, boxes, curved)
        self._black = _mask(size, black, curved)
        self._kept = np.array(kept_faces, np.float64).reshape(-1, 4)

    @classmethod
    def of_frame(
        cls,
        size: tuple[int, int],
        boxes: Sequence[RedactedBox],
        appearance: Appearance,
        kept_faces: Sequence[Corners],
    ) -> RedactionMask:
        """Build the masks of a frame from its redacted boxes and their appearance."""
        black = [
            box.xyxy
            for box in boxes
            if box.origin is Origin.RESIDUAL or appearance.style is RedactionStyle.SOLID
        ]
        ellipses = [
            box.xyxy for box in boxes if redaction_shape(box, size, appearance) is RedactionShape.ELLIPSE
        ]
        return cls(size, [box.xyxy for box in boxes], black, kept_faces, ellipses)

    def visible_at(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which pixels were not replaced, (height, width), for the frame stretched to a size."""
        rows, columns = self._redacted.shape
        across = np.arange(size[0]) * columns // size[0]
        down = np.arange(size[1]) * rows // size[1]
        return np.asarray(~self._redacted[down[:, None], across[None]])

    def redacted_share(self, boxes: Boxes) -> NDArray[np.float64]:
        """Return the share of each box, (n, 4), that was redacted, (n,)."""
        return _shares(self._redacted, boxes)

    def mostly_redacted(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), were mostly redacted."""
        return self.redacted_share(boxes) >= MIN_REDACTED_SHARE

    def mostly_black(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), are mostly black."""
        return _shares(self._black, boxes) >= MIN_REDACTED_SHARE

    def shows_kept_face(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), show faces that stay visible on purpose."""
        if not len(self._kept):
            return np.zeros(len(boxes), bool)
        inside = box_geometry.share_inside(boxes, self._kept).max(axis=1, initial=0.0)
        return np.asarray((inside >= MIN_KEPT_SHARE) & ~self.mostly_redacted(boxes))


def redaction_shape(box: RedactedBox, size: tuple[int, int], appearance: Appearance) -> RedactionShape:
    """Return the shape to redact a box with.

    Only faces may become ellipses. At a border of the frame the face is cut off, and an ellipse inscribed in
    its box would not cover what is left of it. Residuals are always filled as boxes.
    """
    x1, y1, x2, y2 = box.xyxy
    at_border = x1 == 0 or y1 == 0 or x2 == size[0] or y2 == size[1]
    is_box = at_border or box.kind is not TargetKind.FACE or box.origin is Origin.RESIDUAL
    return RedactionShape.BOX if is_box else appearance.shape


def _mask(size: tuple[int, int], boxes: Sequence[Corners], ellipses: set[Corners]) -> NDArray[np.bool_]:
    width, height = size
    mask = np.zeros((height, width), bool)
    for box in boxes:
        x1, y1, x2, y2 = box
        mask[y1:y2, x1:x2] |= _ellipse(x2 - x1, y2 - y1) if box in ellipses else True
    return mask


def _ellipse(width: int, height: int) -> NDArray[np.bool_]:
    """Return which pixel centres of a box lie inside the inscribed ellipse, (height, width)."""
    x, y = ((np.arange(side) + 0.5) / side * 2 - 1 for side in (width, height))
    return np.asarray(x[None] ** 2 + y[:, None] ** 2 <= 1)


def _shares(mask: NDArray[np.bool_], boxes: Boxes) -> NDArray[np.float64]:
    """Return the share of each box that a mask covers, (n,)."""
    corners = box_geometry.clip(boxes, mask.shape[1], mask.shape[0]).round().astype(int).tolist()
    shares = [mask[y1:y2, x1:x2].mean() if x1 < x2 and y1 < y2 else 0.0 for x1, y1, x2, y2 in corners]
    return np.array(shares, np.float64)
