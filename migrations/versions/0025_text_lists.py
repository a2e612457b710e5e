"""Lists of text of the installation: terms of its devices, and patterns to cover."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; it has one row, or none as long as no administrator has stored lists."""
    op.execute(
        """
        CREATE TABLE text_lists (
            id SMALLINT NOT NULL,
            device_terms TEXT[] NOT NULL,
            patterns TEXT[] NOT NULL,
            changed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
            changed_by TEXT NOT NULL,
            CONSTRAINT pk_text_lists PRIMARY KEY (id),
            CONSTRAINT ck_text_lists_single CHECK (id = 1)
        )
        """
    )


def downgrade() -> None:
    """Drop the lists."""
    op.execute("DROP TABLE text_lists")
