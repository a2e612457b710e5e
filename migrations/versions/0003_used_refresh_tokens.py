"""Table of used refresh tokens, so that each token is accepted only once."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE used_refresh_tokens (
        digest BYTEA NOT NULL,
        user_id BIGINT NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_used_refresh_tokens PRIMARY KEY (digest),
        CONSTRAINT ck_used_refresh_tokens_digest CHECK (octet_length(digest) = 32),
        CONSTRAINT fk_used_refresh_tokens_user_id_users FOREIGN KEY (user_id)
            REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_used_refresh_tokens_user_id ON used_refresh_tokens (user_id)",
    "CREATE INDEX ix_used_refresh_tokens_expires_at ON used_refresh_tokens (expires_at)",
)


def upgrade() -> None:
    """Add the table."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table; used tokens are accepted again until they expire."""
    op.drop_table("used_refresh_tokens")
