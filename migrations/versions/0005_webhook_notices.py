"""Table of webhook notices of ended requests."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE webhook_notices (
        id UUID NOT NULL,
        request_id UUID NOT NULL,
        url TEXT NOT NULL,
        state TEXT NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE,
        attempts INTEGER DEFAULT 0 NOT NULL,
        settled_at TIMESTAMP WITH TIME ZONE,
        failure TEXT,
        CONSTRAINT pk_webhook_notices PRIMARY KEY (id),
        CONSTRAINT uq_webhook_notices_request_id UNIQUE (request_id),
        CONSTRAINT ck_webhook_notices_url CHECK (url <> ''),
        CONSTRAINT ck_webhook_notices_state CHECK (state IN ('pending', 'delivered', 'given_up')),
        CONSTRAINT ck_webhook_notices_due_at CHECK ((state = 'pending') = (due_at IS NOT NULL)),
        CONSTRAINT ck_webhook_notices_settled_at CHECK ((state = 'pending') = (settled_at IS NULL)),
        CONSTRAINT ck_webhook_notices_attempts CHECK (attempts >= 0),
        CONSTRAINT ck_webhook_notices_failure CHECK (state <> 'given_up' OR failure IS NOT NULL),
        CONSTRAINT fk_webhook_notices_request_id_requests FOREIGN KEY (request_id)
            REFERENCES requests (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_webhook_notices_due_at ON webhook_notices (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_webhook_notices_settled_at ON webhook_notices (settled_at) WHERE settled_at IS NOT NULL",
)


def upgrade() -> None:
    """Add the table; requests that ended earlier cause no notices."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table; pending notices are lost."""
    op.drop_table("webhook_notices")
