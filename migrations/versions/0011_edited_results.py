"""Results that are made from the boxes of others: whether boxes changed, and what is said of people."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; boxes of requests that were made before count as changed, as nobody noted it."""
    op.execute("ALTER TABLE requests ADD COLUMN edited_here BOOLEAN NOT NULL DEFAULT false")
    op.execute("UPDATE requests SET edited_here = true WHERE based_on_manifest IS NOT NULL")
    op.execute("ALTER TABLE request_boxes ADD COLUMN identities BYTEA")


def downgrade() -> None:
    """Drop them; results that are still to be made from boxes would say nothing of people who are kept."""
    op.execute("ALTER TABLE request_boxes DROP COLUMN identities")
    op.execute("ALTER TABLE requests DROP COLUMN edited_here")
