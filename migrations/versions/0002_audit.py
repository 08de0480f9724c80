"""The audit log: accepted entries, sequenced entries, tiles, checkpoints, the sequencer's epoch."""

import sqlalchemy as sa
from alembic import op

revision = "0002_audit"
down_revision = "0001_identity"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts rows in its own INTEGER only


def upgrade() -> None:
    op.create_table(
        "audit_outbox",
        sa.Column("sequence", BIG, primary_key=True, autoincrement=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_entries",
        sa.Column("index", BIG, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("time", sa.String(), nullable=False, index=True),
        sa.Column("action", sa.String(), nullable=False, index=True),
        sa.Column("actor", sa.String(), nullable=False, index=True),
        sa.Column("subject", sa.String(), nullable=False, index=True),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "audit_tiles",
        sa.Column("level", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("index", BIG, primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", BIG, primary_key=True, autoincrement=False),
        sa.Column("note", sa.String(), nullable=False),
    )
    op.create_table(
        "audit_epoch",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", BIG, nullable=False),
    )
