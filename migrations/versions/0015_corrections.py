"""Corrections that led to the boxes of a request that renders a result again."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; requests that are not finished yet keep boxes without a history."""
    op.execute("ALTER TABLE request_boxes ADD COLUMN history BYTEA")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE request_boxes DROP COLUMN history")
