"""Database tables with their constraints.

The classes name columns in statements. Rows are never loaded as ORM objects, because the domain's entities
are immutable and a unit of work reads each of them once.
"""

from __future__ import annotations

from sqlalchemy import MetaData

from framecloak.adapters.postgres.tables.accounts import UserRow
from framecloak.adapters.postgres.tables.batches import BatchRow
from framecloak.adapters.postgres.tables.galleries import GalleryRow
from framecloak.adapters.postgres.tables.releases import SeenFrameRow
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.tables.slices import SliceRow
from framecloak.adapters.postgres.tables.text_lists import TextListsRow
from framecloak.adapters.postgres.tables.videos import VideoRow
from framecloak.adapters.postgres.tables.webhooks import WebhookNoticeRow

METADATA: MetaData
"""Metadata of all tables, shared by the modules of this package."""
(METADATA,) = {
    table.metadata
    for table in (
        UserRow,
        BatchRow,
        GalleryRow,
        VideoRow,
        RequestRow,
        SeenFrameRow,
        SliceRow,
        TextListsRow,
        WebhookNoticeRow,
    )
}
