"""Schemas of the installation's lists of text."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from framecloak.domain.anonymization.model.text_policy import InstallationLists
from framecloak.entrypoints.schemas.common import NO_NUL, Body, View

_Term = Annotated[str, Meta(max_length=100, pattern=NO_NUL)]
_Pattern = Annotated[str, Meta(max_length=1000, pattern=NO_NUL)]

DeviceTerms = Annotated[
    list[_Term],
    Meta(
        max_length=1000,
        description="Terms that devices show, which stay readable with text policy `identifying`.",
        examples=[["Tower B", "Ward 7"]],
    ),
]
Patterns = Annotated[
    list[_Pattern],
    Meta(
        max_length=1000,
        description="Regular expressions (RE2) of text that each text policy covers.",
        examples=[["case [0-9]{6}"]],
    ),
]


class TextListsBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lists of text of the installation, without names of people."""

    device_terms: DeviceTerms = msgspec.field(default_factory=list)
    patterns: Patterns = msgspec.field(default_factory=list)


class TextListsView(View, frozen=True, kw_only=True):
    """Lists of text of the installation."""

    device_terms: DeviceTerms
    patterns: Patterns
    sha256: Annotated[
        str | None,
        Meta(description="SHA-256 of the lists, as in manifests without lists in settings; null if empty."),
    ]
    changed_at: Annotated[datetime | None, Meta(description="Time of the last change.")]
    changed_by: Annotated[str | None, Meta(description="Administrator who changed them.")]

    @classmethod
    def of(cls, lists: InstallationLists) -> Self:
        """Return the view of lists."""
        return cls(
            device_terms=[*lists.device_terms],
            patterns=[*lists.patterns],
            sha256=lists.sha256 or None,
            changed_at=lists.changed_at,
            changed_by=lists.changed_by,
        )
