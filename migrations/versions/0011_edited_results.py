"""Results rendered from boxes of earlier ones: whether boxes were edited, and the earlier identities."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; boxes of earlier requests count as edited, because this was not recorded."""
    op.execute("ALTER TABLE requests ADD COLUMN edited_here BOOLEAN NOT NULL DEFAULT false")
    op.execute("UPDATE requests SET edited_here = true WHERE based_on_manifest IS NOT NULL")
    op.execute("ALTER TABLE request_boxes ADD COLUMN identities BYTEA")


def downgrade() -> None:
    """Drop the columns; results of pending requests will lack the identities of people who are kept."""
    op.execute("ALTER TABLE request_boxes DROP COLUMN identities")
    op.execute("ALTER TABLE requests DROP COLUMN edited_here")
