"""Scope of the residual check of a request's redacted frames."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier requests had no residual check."""
    op.execute("ALTER TABLE requests ADD COLUMN verify TEXT NOT NULL DEFAULT 'none'")
    op.execute("ALTER TABLE requests ALTER COLUMN verify DROP DEFAULT")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_verify CHECK (verify IN ('none', 'sample', 'all'))"
    )


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE requests DROP COLUMN verify")
