"""The tables, with everything that must hold for their rows whoever writes them.

The classes name columns in statements; rows are never loaded as objects, because the domain's entities are
immutable and a unit of work asks for each of them once.
"""

from __future__ import annotations

from sqlalchemy import MetaData

from framecloak.adapters.postgres.tables.accounts import UserRow
from framecloak.adapters.postgres.tables.galleries import GalleryRow
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.tables.slices import SliceRow
from framecloak.adapters.postgres.tables.videos import VideoRow
from framecloak.adapters.postgres.tables.webhooks import WebhookNoticeRow

METADATA: MetaData
"""Of all tables: those of every file here have the same."""
(METADATA,) = {
    table.metadata for table in (UserRow, GalleryRow, VideoRow, RequestRow, SliceRow, WebhookNoticeRow)
}
