"""Margins around boxes: what is redacted beyond the edges of a detection."""

from __future__ import annotations

FACE_MARGIN = 0.18
"""Margin of a tracked face on every side, as a share of its width and height."""

MIN_FACE_MARGIN_PX = 4.0
"""Smallest margin of a tracked face on every side, in pixels: the detector places faces of about 10 pixels no
better than that."""

ELLIPSE_MARGIN = 0.3
"""Margin of faces that are redacted as ellipses; 0.21 would just reach the corners of the detection."""

TEXT_MARGIN = 0.2
"""Margin of text on every side, in units of the box's shorter side."""

TEXT_END_MARGIN = 0.4
"""Further margin at both ends of covered text, in units of its height: its last strokes may be missed."""

IDENTIFYING_END_MARGIN = 2.0
"""The same for text that was read and identifies a person: an initial or a label beside it may be missed."""

PLATE_MARGIN = 0.4
"""Margin of text with the aspect ratio of a plate: the rim and small print lie outside the number."""

RESIDUAL_MARGIN = 0.5
"""Margin of a residual on every side, as a share of its width and height."""

UNSEEN_MARGIN = 0.5
"""Extra margin of a box whose template was not found, in units of its shorter side."""
