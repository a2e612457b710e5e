"""Error codes of failed requests, for programs."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier failed requests have no code."""
    op.execute("ALTER TABLE requests ADD COLUMN error_code TEXT")


def downgrade() -> None:
    """Drop the column; error messages stay."""
    op.execute("ALTER TABLE requests DROP COLUMN error_code")
