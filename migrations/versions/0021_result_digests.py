"""SHA-256 of results and of their parts."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; earlier results and parts have none, and are checked by their size alone."""
    op.execute("ALTER TABLE requests ADD COLUMN result_sha256 TEXT")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_result_sha256 CHECK "
        "(result_sha256 IS NULL OR result_sha256 ~ '^[0-9a-f]{64}$' AND result_key IS NOT NULL)"
    )
    op.execute("ALTER TABLE slices ADD COLUMN part_sha256 TEXT")
    op.execute(
        "ALTER TABLE slices ADD CONSTRAINT ck_slices_part_sha256 CHECK "
        "(part_sha256 IS NULL OR part_sha256 ~ '^[0-9a-f]{64}$' AND part_key IS NOT NULL)"
    )


def downgrade() -> None:
    """Drop the columns; results stay, and are no longer checked."""
    op.execute("ALTER TABLE slices DROP COLUMN part_sha256")
    op.execute("ALTER TABLE requests DROP COLUMN result_sha256")
