"""Accounts that sign in at an identity provider: their identities, no password, ID tokens of sessions."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column, and allow accounts without a password."""
    op.execute("ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL")
    op.execute("ALTER TABLE sessions ADD COLUMN id_token TEXT")
    op.execute(
        "ALTER TABLE sessions ADD CONSTRAINT ck_sessions_id_token CHECK (char_length(id_token) <= 4096)"
    )
    op.execute(
        """
        CREATE TABLE external_identities (
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            user_id BIGINT NOT NULL,
            linked_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT pk_external_identities PRIMARY KEY (issuer, subject),
            CONSTRAINT ck_external_identities_names CHECK (issuer <> '' AND subject <> ''),
            CONSTRAINT fk_external_identities_user_id_users FOREIGN KEY (user_id)
                REFERENCES users (id) ON DELETE CASCADE
        )
        """
    )
    op.execute("CREATE INDEX ix_external_identities_user_id ON external_identities (user_id)")


def downgrade() -> None:
    """Drop the identities; accounts without a password get one that matches nothing."""
    op.execute("DROP TABLE external_identities")
    op.execute("ALTER TABLE sessions DROP COLUMN id_token")
    op.execute("UPDATE users SET password_hash = '!' WHERE password_hash IS NULL")
    op.execute("ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL")
