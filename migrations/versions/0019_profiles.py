"""Display names and languages of accounts, and passwords that must be changed."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; passwords of existing accounts need not be changed."""
    op.execute(
        "ALTER TABLE users ADD COLUMN must_change_password BOOLEAN NOT NULL DEFAULT false, "
        "ADD COLUMN display_name TEXT, ADD COLUMN language TEXT"
    )
    op.execute(
        "ALTER TABLE users ADD CONSTRAINT ck_users_display_name "
        "CHECK (char_length(display_name) BETWEEN 1 AND 100)"
    )
    op.execute("ALTER TABLE users ADD CONSTRAINT ck_users_language CHECK (language IN ('en', 'de'))")


def downgrade() -> None:
    """Drop the columns."""
    op.execute(
        "ALTER TABLE users DROP COLUMN must_change_password, DROP COLUMN display_name, DROP COLUMN language"
    )
