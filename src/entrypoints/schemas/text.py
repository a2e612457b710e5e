"""Schemas of the text policy of a request."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec
from msgspec import Meta

from framecloak.domain.anonymization.model.text_policy import (
    Harmless,
    TextChoice,
    TextLists,
    TextMode,
    TextPolicyOptions,
    TextRule,
)
from framecloak.domain.anonymization.review.texts import TextRange, TextTrack
from framecloak.entrypoints.schemas.common import Body, PageBase, View

MAX_NAMES = 100_000
"""Maximum number of names of a request."""
MAX_PATTERNS = 1000
"""Maximum number of patterns of a request."""

_Name = Annotated[str, Meta(max_length=200)]
_Pattern = Annotated[str, Meta(max_length=1000)]


class TextBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Text to cover at level `full`."""

    mode: Annotated[
        TextMode,
        Meta(
            description=(
                "`all`: all text. `identifying`: all text except what is read surely and provably harmless. "
                "`listed`: only what matches the lists, so that text that cannot be read stays readable; "
                "refused unless `fail_open` is true."
            ),
            examples=["identifying"],
        ),
    ] = TextMode.ALL
    keep: Annotated[
        list[Harmless] | None,
        Meta(
            description=(
                "Classes of harmless text that mode `identifying` keeps; default: measurements and device. "
                "Clock times and dates, `times`, can identify an examination."
            ),
            examples=[["measurements", "device"]],
        ),
    ] = None
    names: Annotated[
        list[_Name],
        Meta(
            max_length=MAX_NAMES,
            description=(
                "Names to cover, in whatever spelling they are read. They are stored encrypted until the "
                "request ends, and are part of no result, response or log."
            ),
            examples=[["Erika Mustermann"]],
        ),
    ] = msgspec.field(default_factory=list)
    patterns: Annotated[
        list[_Pattern],
        Meta(
            max_length=MAX_PATTERNS,
            description="Regular expressions (RE2) of text to cover; stored like the names.",
            examples=[["case [0-9]{6}"]],
        ),
    ] = msgspec.field(default_factory=list)
    fail_open: Annotated[
        bool, Meta(description="Consent to leave text readable that cannot be read, for mode `listed`.")
    ] = False

    def choice(self) -> TextChoice:
        """Return the text policy of the domain, which is not checked yet."""
        return TextChoice(
            mode=self.mode,
            keep=None if self.keep is None else frozenset(self.keep),
            lists=TextLists(tuple(self.names), tuple(self.patterns)),
            fail_open=self.fail_open,
        )

    @classmethod
    def of(cls, options: TextPolicyOptions) -> Self | None:
        """Return a policy that can be repeated without its lists; None for others: all text is covered."""
        if options.mode is not TextMode.IDENTIFYING:
            return None
        return cls(mode=options.mode, keep=[each for each in Harmless if each in options.keep])


class TextView(View, frozen=True, kw_only=True):
    """Text that is covered at level `full`; the lists are not shown."""

    mode: Annotated[TextMode, Meta(examples=["identifying"])]
    keep: Annotated[
        list[Harmless],
        Meta(
            description="Classes of harmless text that stay readable.", examples=[["measurements", "device"]]
        ),
    ]
    names: Annotated[bool, Meta(description="Whether names were given.")]
    patterns: Annotated[bool, Meta(description="Whether patterns were given.")]

    @classmethod
    def of(cls, options: TextPolicyOptions) -> Self:
        """Build the view of a text policy."""
        is_selective = options.mode is TextMode.IDENTIFYING
        return cls(
            mode=options.mode,
            keep=[each for each in Harmless if is_selective and each in options.keep],
            names=options.names,
            patterns=options.patterns,
        )


class PlaceView(View, frozen=True, kw_only=True):
    """A box of text that was kept, up to the frame of the next one."""

    frame: Annotated[int, Meta(description="First frame with this box.", examples=[0])]
    xyxy: Annotated[
        list[int],
        Meta(
            min_length=4,
            max_length=4,
            description="Left, top, right, bottom in whole pixels.",
            examples=[[1040, 110, 1210, 230]],
        ),
    ]


class TextRangeView(View, frozen=True, kw_only=True):
    """Frames of a track of text with the same decision."""

    start_frame: Annotated[int, Meta(examples=[0])]
    end_frame: Annotated[int, Meta(description="Frame after the last one.", examples=[250])]
    rule: Annotated[TextRule, Meta(description="Rule that decided.", examples=["measurement"])]
    kept: Annotated[bool, Meta(description="Whether the text policy kept it.")]
    covered: Annotated[
        bool, Meta(description="Whether it is covered in all these frames, also by a reviewer.")
    ]
    places: Annotated[list[PlaceView], Meta(description="Boxes of text that was kept.")]

    @classmethod
    def of(cls, text: TextRange) -> Self:
        """Build the view of a range."""
        return cls(
            start_frame=text.start,
            end_frame=text.stop,
            rule=text.decision.rule,
            kept=text.decision.kept,
            covered=text.is_covered,
            places=[PlaceView(frame=frame, xyxy=list(xyxy)) for frame, xyxy in text.places],
        )


class TextTrackView(View, frozen=True, kw_only=True):
    """A track of text in a result; what it says is not recorded."""

    track: Annotated[int, Meta(description="Track number in the manifest.", examples=[3])]
    covered: Annotated[bool, Meta(description="Whether it is covered in all frames.")]
    ranges: list[TextRangeView]

    @classmethod
    def of(cls, track: TextTrack) -> Self:
        """Build the view of a track."""
        ranges = [TextRangeView.of(each) for each in track.ranges]
        return cls(track=track.track, covered=track.is_covered, ranges=ranges)


class TextTrackPage(PageBase, frozen=True, kw_only=True):
    """Tracks of text, those that are readable first."""

    items: list[TextTrackView]
