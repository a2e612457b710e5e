"""Pixel aspect of the video of a request, where the caller gives one."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier requests were looked at in the shape in which they are stored."""
    op.execute("ALTER TABLE requests ADD COLUMN pixel_aspect TEXT")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_pixel_aspect "
        "CHECK (pixel_aspect ~ '^[1-9][0-9]{0,5}:[1-9][0-9]{0,5}$')"
    )


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE requests DROP COLUMN pixel_aspect")
