"""Requests that failed: the code of the error, for those who do not read its words."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of requests that failed before, nobody noted a code."""
    op.execute("ALTER TABLE requests ADD COLUMN error_code TEXT")


def downgrade() -> None:
    """Drop it; the words stay."""
    op.execute("ALTER TABLE requests DROP COLUMN error_code")
