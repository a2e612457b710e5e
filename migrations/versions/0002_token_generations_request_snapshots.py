"""Token generations of accounts; snapshots of the marks that requests were submitted with."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SCHEMA = (
    "ALTER TABLE users ADD COLUMN token_generation INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE users ADD CONSTRAINT ck_users_token_generation CHECK (token_generation >= 0)",
    """
    CREATE TABLE request_segments (
        request_id UUID NOT NULL,
        segment_id BIGINT NOT NULL,
        start_frame INTEGER NOT NULL,
        end_frame INTEGER NOT NULL,
        CONSTRAINT pk_request_segments PRIMARY KEY (request_id, segment_id),
        CONSTRAINT ck_request_segments_frames CHECK (0 <= start_frame AND start_frame < end_frame),
        CONSTRAINT fk_request_segments_request_id_requests FOREIGN KEY (request_id)
            REFERENCES requests (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE request_regions (
        request_id UUID NOT NULL,
        number INTEGER NOT NULL,
        x INTEGER NOT NULL,
        y INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        start_frame INTEGER,
        end_frame INTEGER,
        CONSTRAINT pk_request_regions PRIMARY KEY (request_id, number),
        CONSTRAINT ck_request_regions_number CHECK (number >= 0),
        CONSTRAINT ck_request_regions_area CHECK (x >= 0 AND y >= 0 AND width > 0 AND height > 0),
        CONSTRAINT ck_request_regions_both_frames CHECK ((start_frame IS NULL) = (end_frame IS NULL)),
        CONSTRAINT ck_request_regions_frames CHECK (0 <= start_frame AND start_frame < end_frame),
        CONSTRAINT fk_request_regions_request_id_requests FOREIGN KEY (request_id)
            REFERENCES requests (id) ON DELETE CASCADE
    )
    """,
)

_ROWS = (
    # Pending requests receive the current marks, which the older version would have used.
    """
    INSERT INTO request_segments (request_id, segment_id, start_frame, end_frame)
    SELECT requests.id, segments.id, segments.start_frame, segments.end_frame
    FROM requests
    JOIN segments ON segments.video_id = requests.video_id AND segments.id = ANY (requests.segment_ids)
    WHERE requests.completed_at IS NULL
    """,
    """
    INSERT INTO request_regions (request_id, number, x, y, width, height, start_frame, end_frame)
    SELECT requests.id, row_number() OVER (PARTITION BY requests.id ORDER BY regions.id) - 1,
        regions.x, regions.y, regions.width, regions.height, regions.start_frame, regions.end_frame
    FROM requests
    JOIN regions ON regions.video_id = requests.video_id
    WHERE requests.completed_at IS NULL
    """,
    # As in the older version, a request fails when its segments no longer cover the submitted frame count.
    """
    UPDATE requests
    SET status = 'failed', completed_at = clock_timestamp(),
        error = 'its segments were moved or removed after it was submitted: submit them again'
    WHERE completed_at IS NULL AND total_frames <> (
        SELECT coalesce(sum(upper(stretch) - lower(stretch)), 0)
        FROM (
            SELECT unnest(range_agg(int4range(start_frame, end_frame))) AS stretch
            FROM request_segments
            WHERE request_id = requests.id
        ) AS stretches
    )
    """,
)


def upgrade() -> None:
    """Add the column and the tables, and fill in snapshots for pending requests."""
    for statement in (*_SCHEMA, *_ROWS):
        op.execute(statement)


def downgrade() -> None:
    """Drop the column and the tables; pending requests will use the marks at processing time."""
    op.drop_table("request_regions")
    op.drop_table("request_segments")
    op.execute("ALTER TABLE users DROP COLUMN token_generation")
