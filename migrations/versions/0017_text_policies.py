"""Text policies of requests, and their encrypted lists, which are deleted when a request ends."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the policies; earlier requests cover all text."""
    op.execute("ALTER TABLE requests ADD COLUMN text_mode TEXT NOT NULL DEFAULT 'all'")
    op.execute("ALTER TABLE requests ADD COLUMN text_keep TEXT[] NOT NULL DEFAULT '{device,measurements}'")
    op.execute("ALTER TABLE requests ADD COLUMN text_names BOOLEAN NOT NULL DEFAULT false")
    op.execute("ALTER TABLE requests ADD COLUMN text_patterns BOOLEAN NOT NULL DEFAULT false")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_text_mode "
        "CHECK (text_mode IN ('all', 'identifying', 'listed'))"
    )
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_text_keep "
        "CHECK (text_keep <@ ARRAY['measurements', 'times', 'device'])"
    )
    op.execute(
        "CREATE TABLE request_text_lists ("
        "request_id UUID NOT NULL CONSTRAINT pk_request_text_lists PRIMARY KEY "
        "CONSTRAINT fk_request_text_lists_request_id_requests REFERENCES requests (id) ON DELETE CASCADE, "
        "sealed BYTEA NOT NULL)"
    )
    op.execute("ALTER TABLE request_boxes ADD COLUMN text BYTEA")


def downgrade() -> None:
    """Drop them; requests would then cover all text."""
    op.execute("ALTER TABLE request_boxes DROP COLUMN text")
    op.execute("DROP TABLE request_text_lists")
    for column in ("text_mode", "text_keep", "text_names", "text_patterns"):
        op.execute(f"ALTER TABLE requests DROP COLUMN {column}")
