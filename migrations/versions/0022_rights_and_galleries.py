"""Accounts behind download links, look-alike user names, and the order of enrolment in galleries."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; links that exist already are those of the account that submitted the request."""
    op.execute("ALTER TABLE download_tokens ADD COLUMN user_id BIGINT")
    op.execute(
        "ALTER TABLE download_tokens ADD CONSTRAINT fk_download_tokens_user_id_users "
        "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
    )
    op.execute("CREATE INDEX ix_download_tokens_user_id ON download_tokens (user_id)")
    # Faces of a gallery are enrolled one after the other, so their numbers rise in the order of the commits.
    op.execute("ALTER TABLE gallery_faces ADD COLUMN number BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY")
    op.execute("CREATE INDEX ix_gallery_faces_gallery_id_number ON gallery_faces (gallery_id, number)")


def downgrade() -> None:
    """Drop the columns."""
    op.execute("ALTER TABLE gallery_faces DROP COLUMN number")
    op.execute("ALTER TABLE download_tokens DROP COLUMN user_id")
