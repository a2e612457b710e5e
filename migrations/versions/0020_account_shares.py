"""Frames charged to accounts, an index of waiting requests by account, and a count of postponed slices."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the index; every account starts with nothing charged."""
    op.execute(
        """
        CREATE TABLE account_shares (
            user_id BIGINT NOT NULL,
            charged BIGINT NOT NULL,
            clock BIGINT NOT NULL,
            CONSTRAINT pk_account_shares PRIMARY KEY (user_id),
            CONSTRAINT fk_account_shares_user_id_users
                FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
            CONSTRAINT ck_account_shares_clock CHECK (clock BETWEEN 0 AND charged)
        )
        """
    )
    op.execute("ALTER TABLE slices ADD COLUMN postponed INTEGER NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE slices ADD CONSTRAINT ck_slices_postponed CHECK (postponed >= 0)")
    op.execute("CREATE INDEX ix_account_shares_clock ON account_shares (clock)")
    op.execute(
        "CREATE INDEX ix_requests_waiting ON requests (user_id, priority, created_at, id) "
        "WHERE admitted_at IS NULL AND completed_at IS NULL"
    )
    op.execute(
        "CREATE INDEX ix_requests_in_work ON requests (user_id) "
        "WHERE admitted_at IS NOT NULL AND completed_at IS NULL"
    )


def downgrade() -> None:
    """Drop the index and the table; accounts are then charged nothing."""
    op.execute("DROP INDEX ix_requests_in_work")
    op.execute("DROP INDEX ix_requests_waiting")
    op.execute("ALTER TABLE slices DROP COLUMN postponed")
    op.execute("DROP TABLE account_shares")
