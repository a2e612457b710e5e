"""Releases of results, the frames that reviewers have seen, and webhook notices of releases."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and table; results that exist already are not released."""
    op.execute("ALTER TABLE requests ADD COLUMN released_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE requests ADD COLUMN released_by TEXT")
    op.execute("ALTER TABLE requests ADD COLUMN release_document BYTEA")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT ck_requests_release CHECK "
        "(num_nulls(released_at, released_by, release_document) IN (0, 3)"
        " AND (released_at IS NULL OR status = 'completed'))"
    )
    op.execute(
        """
        CREATE TABLE seen_frames (
            request_id UUID NOT NULL,
            user_id BIGINT NOT NULL,
            frame INTEGER NOT NULL,
            CONSTRAINT pk_seen_frames PRIMARY KEY (request_id, user_id, frame),
            CONSTRAINT ck_seen_frames_frame CHECK (frame >= 0),
            CONSTRAINT fk_seen_frames_request_id_requests FOREIGN KEY (request_id)
                REFERENCES requests (id) ON DELETE CASCADE,
            CONSTRAINT fk_seen_frames_user_id_users FOREIGN KEY (user_id)
                REFERENCES users (id) ON DELETE CASCADE
        )
        """
    )
    op.execute("CREATE INDEX ix_seen_frames_user_id ON seen_frames (user_id)")
    op.execute("ALTER TABLE webhook_notices ADD COLUMN event TEXT NOT NULL DEFAULT 'ended'")
    op.execute(
        "ALTER TABLE webhook_notices ADD CONSTRAINT ck_webhook_notices_event "
        "CHECK (event IN ('ended', 'released'))"
    )
    op.execute("ALTER TABLE webhook_notices DROP CONSTRAINT uq_webhook_notices_request_id")
    op.execute(
        "ALTER TABLE webhook_notices ADD CONSTRAINT uq_webhook_notices_request_id UNIQUE (request_id, event)"
    )


def downgrade() -> None:
    """Drop releases; notices of releases are lost."""
    op.execute("DELETE FROM webhook_notices WHERE event = 'released'")
    op.execute("ALTER TABLE webhook_notices DROP CONSTRAINT uq_webhook_notices_request_id")
    op.execute("ALTER TABLE webhook_notices ADD CONSTRAINT uq_webhook_notices_request_id UNIQUE (request_id)")
    op.execute("ALTER TABLE webhook_notices DROP COLUMN event")
    op.execute("DROP TABLE seen_frames")
    op.execute("ALTER TABLE requests DROP COLUMN release_document")
    op.execute("ALTER TABLE requests DROP COLUMN released_by")
    op.execute("ALTER TABLE requests DROP COLUMN released_at")
