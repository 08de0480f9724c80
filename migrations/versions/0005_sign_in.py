"""Second factors, passkeys, one-time links, role requests, scopes of keys, what a session has proven."""

import sqlalchemy as sa
from alembic import op

revision = "0005_sign_in"
down_revision = "0004_groups"

OWNER = "users.id"


def upgrade() -> None:
    op.add_column("users", sa.Column("kind", sa.String(), nullable=False, server_default="person"))
    op.add_column("users", sa.Column("must_change", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("totp_secret", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("totp_step", sa.Integer(), nullable=True))
    op.add_column("sessions", sa.Column("pending", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("sessions", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("models", "endpoints", "addresses"):
        op.add_column("api_keys", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.String(), primary_key=True),
        _owner(),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(), primary_key=True),
        _owner(),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.String(), primary_key=True),
        _owner(),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_table(
        "role_requests",
        sa.Column("id", sa.String(), primary_key=True),
        _owner(),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    )


def _owner() -> sa.Column[str]:
    return sa.Column(
        "user_id", sa.String(), sa.ForeignKey(OWNER, ondelete="CASCADE"), nullable=False, index=True
    )
