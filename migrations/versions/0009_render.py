"""Requests that render given boxes, and text regions that stay readable."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; earlier requests detected their boxes themselves."""
    op.execute("ALTER TABLE requests ADD COLUMN keep_text JSONB NOT NULL DEFAULT '[]'")
    op.execute("ALTER TABLE requests ADD COLUMN based_on_request_id UUID")
    op.execute("ALTER TABLE requests ADD COLUMN based_on_manifest TEXT")
    op.execute("ALTER TABLE requests ADD COLUMN based_on_signature TEXT")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_based_on CHECK ("
        "(based_on_manifest IS NULL) = (based_on_signature IS NULL)"
        " AND (based_on_manifest IS NULL) = (based_on_request_id IS NULL))"
    )
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_based_on_signature"
        " CHECK (based_on_signature IN ('genuine', 'changed', 'foreign', 'bad', 'none'))"
    )
    op.execute(
        "CREATE TABLE request_boxes ("
        " request_id UUID NOT NULL,"
        " boxes BYTEA NOT NULL,"
        " CONSTRAINT pk_request_boxes PRIMARY KEY (request_id),"
        " CONSTRAINT fk_request_boxes_request_id_requests FOREIGN KEY (request_id)"
        " REFERENCES requests (id) ON DELETE CASCADE)"
    )


def downgrade() -> None:
    """Drop the columns and the table; given boxes are lost, so no request with boxes may be unfinished."""
    op.execute("DROP TABLE request_boxes")
    for column in ("based_on_signature", "based_on_manifest", "based_on_request_id", "keep_text"):
        op.execute(f"ALTER TABLE requests DROP COLUMN {column}")
