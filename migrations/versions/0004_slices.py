"""Slices that workers lease, followed by the assembly of their parts; time of admission of requests."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SLICES = """
    CREATE TABLE slices (
        request_id UUID NOT NULL,
        number INTEGER NOT NULL,
        kind TEXT NOT NULL,
        start_frame INTEGER NOT NULL,
        end_frame INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        owner TEXT,
        lease_until TIMESTAMP WITH TIME ZONE,
        not_before TIMESTAMP WITH TIME ZONE,
        attempts INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        processed_frames INTEGER NOT NULL DEFAULT 0,
        blanked_frames INTEGER NOT NULL DEFAULT 0,
        part_key TEXT,
        CONSTRAINT pk_slices PRIMARY KEY (request_id, number),
        CONSTRAINT ck_slices_number CHECK (number >= 0),
        CONSTRAINT ck_slices_kind CHECK (kind IN ('frames', 'assembly')),
        CONSTRAINT ck_slices_frames CHECK (0 <= start_frame AND start_frame < end_frame),
        CONSTRAINT ck_slices_state CHECK (state IN ('waiting', 'leased', 'completed')),
        CONSTRAINT ck_slices_owner CHECK ((state = 'leased') = (owner IS NOT NULL)),
        CONSTRAINT ck_slices_lease CHECK ((owner IS NULL) = (lease_until IS NULL)),
        CONSTRAINT ck_slices_not_before CHECK (not_before IS NULL OR state = 'waiting'),
        CONSTRAINT ck_slices_attempts CHECK (attempts >= 0),
        CONSTRAINT ck_slices_failures CHECK (failures BETWEEN 0 AND attempts),
        CONSTRAINT ck_slices_processed_frames CHECK (processed_frames BETWEEN 0 AND end_frame - start_frame),
        CONSTRAINT ck_slices_blanked_frames CHECK (blanked_frames BETWEEN 0 AND end_frame - start_frame),
        CONSTRAINT ck_slices_part_key CHECK ((state = 'completed') = (part_key IS NOT NULL)),
        CONSTRAINT fk_slices_request_id_requests FOREIGN KEY (request_id)
            REFERENCES requests (id) ON DELETE CASCADE
    )
"""

_ADMISSION = (
    "ALTER TABLE requests ADD COLUMN admitted_at TIMESTAMP WITH TIME ZONE",
    "UPDATE requests SET admitted_at = started_at",
    """
    ALTER TABLE requests ADD CONSTRAINT ck_requests_admitted_at
        CHECK (started_at IS NULL OR admitted_at IS NOT NULL)
    """,
)

# A version without slices restarted every request from scratch.
_BEGIN_ANEW = """
    UPDATE requests SET status = 'pending', started_at = NULL, processed_frames = 0
    WHERE status = 'processing'
"""

# Each unfinished request gets one slice per contiguous range of its segments, and the assembly.
_PLAN = """
    WITH stretches AS (
        SELECT request_id, unnest(range_agg(int4range(start_frame, end_frame))) AS stretch
        FROM request_segments JOIN requests ON requests.id = request_segments.request_id
        WHERE requests.completed_at IS NULL
        GROUP BY request_id
    ), planned AS (
        SELECT request_id, 'frames' AS kind, lower(stretch) AS start_frame, upper(stretch) AS end_frame
        FROM stretches
        UNION ALL
        SELECT request_id, 'assembly', min(lower(stretch)), max(upper(stretch))
        FROM stretches GROUP BY request_id
    )
    INSERT INTO slices (request_id, number, kind, start_frame, end_frame)
    SELECT request_id,
        row_number() OVER (PARTITION BY request_id ORDER BY kind = 'assembly', start_frame) - 1,
        kind, start_frame, end_frame
    FROM planned
"""

_SLICES_BEFORE = """
    CREATE TABLE slices (
        request_id UUID NOT NULL,
        number INTEGER NOT NULL,
        start_frame INTEGER NOT NULL,
        end_frame INTEGER NOT NULL,
        state TEXT NOT NULL,
        owner TEXT,
        lease_until TIMESTAMP WITH TIME ZONE,
        attempts INTEGER NOT NULL DEFAULT 0,
        processed_frames INTEGER NOT NULL DEFAULT 0,
        CONSTRAINT pk_slices PRIMARY KEY (request_id, number),
        CONSTRAINT ck_slices_number CHECK (number >= 0),
        CONSTRAINT ck_slices_frames CHECK (0 <= start_frame AND start_frame < end_frame),
        CONSTRAINT ck_slices_state CHECK (state IN ('pending', 'leased', 'completed')),
        CONSTRAINT ck_slices_owner CHECK ((state = 'leased') = (owner IS NOT NULL)),
        CONSTRAINT ck_slices_lease CHECK ((owner IS NULL) = (lease_until IS NULL)),
        CONSTRAINT ck_slices_attempts CHECK (attempts >= 0),
        CONSTRAINT ck_slices_processed_frames CHECK (processed_frames BETWEEN 0 AND end_frame - start_frame),
        CONSTRAINT fk_slices_request_id_requests FOREIGN KEY (request_id)
            REFERENCES requests (id) ON DELETE CASCADE
    )
"""


def upgrade() -> None:
    """Recreate the table, which was never used; plan unfinished requests and restart them."""
    op.drop_table("slices")
    for statement in (_SLICES, _BEGIN_ANEW, _PLAN, *_ADMISSION):
        op.execute(statement)


def downgrade() -> None:
    """Restore the previous table; unfinished requests restart from scratch."""
    op.drop_table("slices")
    op.execute(_SLICES_BEFORE)
    op.execute("CREATE INDEX ix_slices_lease_until ON slices (lease_until) WHERE state <> 'completed'")
    op.execute("ALTER TABLE requests DROP COLUMN admitted_at")
    op.execute(_BEGIN_ANEW)
