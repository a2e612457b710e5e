"""Titles and tags of videos, templates, and batches of requests."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UPGRADE = (
    "ALTER TABLE videos ADD COLUMN title TEXT",
    "ALTER TABLE videos ADD COLUMN tags TEXT[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE videos ADD CONSTRAINT ck_videos_title CHECK (char_length(title) BETWEEN 1 AND 200)",
    """
    CREATE TABLE templates (
        id UUID PRIMARY KEY,
        owner_id BIGINT NOT NULL,
        name TEXT NOT NULL,
        options JSONB NOT NULL,
        marks JSONB NOT NULL,
        is_default BOOLEAN NOT NULL DEFAULT false,
        created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT fk_templates_owner_id_users FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT ck_templates_name CHECK (char_length(name) BETWEEN 1 AND 100)
    )
    """,
    "CREATE INDEX ix_templates_owner_id ON templates (owner_id)",
    "CREATE UNIQUE INDEX ix_templates_default ON templates (is_default) WHERE is_default",
    """
    CREATE TABLE template_grants (
        template_id UUID NOT NULL,
        user_id BIGINT NOT NULL,
        CONSTRAINT pk_template_grants PRIMARY KEY (template_id, user_id),
        CONSTRAINT fk_template_grants_template_id_templates
            FOREIGN KEY (template_id) REFERENCES templates (id) ON DELETE CASCADE,
        CONSTRAINT fk_template_grants_user_id_users
            FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_template_grants_user_id ON template_grants (user_id)",
    """
    CREATE TABLE batches (
        id UUID PRIMARY KEY,
        user_id BIGINT NOT NULL,
        template_name TEXT,
        idempotency_key TEXT,
        order_digest BYTEA,
        created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT fk_batches_user_id_users FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT,
        CONSTRAINT uq_batches_idempotency_key UNIQUE (user_id, idempotency_key),
        CONSTRAINT ck_batches_idempotency CHECK ((idempotency_key IS NULL) = (order_digest IS NULL)),
        CONSTRAINT ck_batches_order_digest CHECK (octet_length(order_digest) = 32)
    )
    """,
    "CREATE INDEX ix_batches_user_id_created_at ON batches (user_id, created_at)",
    """
    CREATE TABLE batch_items (
        batch_id UUID NOT NULL,
        number INTEGER NOT NULL,
        video_id BIGINT NOT NULL,
        request_id UUID,
        error_code TEXT,
        error TEXT,
        CONSTRAINT pk_batch_items PRIMARY KEY (batch_id, number),
        CONSTRAINT fk_batch_items_batch_id_batches
            FOREIGN KEY (batch_id) REFERENCES batches (id) ON DELETE CASCADE,
        CONSTRAINT fk_batch_items_request_id_requests
            FOREIGN KEY (request_id) REFERENCES requests (id) ON DELETE CASCADE,
        CONSTRAINT ck_batch_items_number CHECK (number >= 0),
        CONSTRAINT ck_batch_items_outcome CHECK (
            (error_code IS NULL) = (error IS NULL) AND (request_id IS NULL OR error IS NULL)
        )
    )
    """,
    "CREATE INDEX ix_batch_items_request_id ON batch_items (request_id)",
)


def upgrade() -> None:
    """Add columns and tables; earlier videos have neither titles nor tags."""
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    """Drop columns and tables."""
    for table in ("batch_items", "batches", "template_grants", "templates"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE videos DROP COLUMN tags, DROP COLUMN title")
