"""References of requests."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier requests have none."""
    op.execute("ALTER TABLE requests ADD COLUMN reference TEXT")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_reference "
        "CHECK (char_length(reference) BETWEEN 1 AND 80)"
    )


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE requests DROP COLUMN reference")
