"""Grants that name their account by its user name."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier grants are listed with the number of the account, as before."""
    op.execute("ALTER TABLE grants ADD COLUMN is_named BOOLEAN NOT NULL DEFAULT FALSE")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE grants DROP COLUMN is_named")
