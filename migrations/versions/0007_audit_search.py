"""What the auditors' viewer filters by: columns that repeat the leaf, each with an index in log order."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007_audit_search"
down_revision = "0006_usage"

NEW = ("outcome", "origin", "model", "request", "detectors")
PARTIAL = {"origin": "''", "model": "''", "request": "''", "detectors": "''", "outcome": "'allowed'"}
BATCH = 5000


def upgrade() -> None:
    for name in NEW:
        op.add_column("audit_entries", sa.Column(name, sa.String(), nullable=False, server_default=""))
    _fill(op.get_bind())
    with op.batch_alter_table("audit_entries") as table:
        for name in NEW:
            table.alter_column(name, server_default=None)
        for name in ("time", "action", "actor", "subject"):
            table.drop_index(f"ix_audit_entries_{name}")
    for name in ("time", "action", "actor", "subject"):
        op.create_index(f"ix_audit_entries_{name}_index", "audit_entries", [name, "index"])
    for name, common in PARTIAL.items():
        where = sa.text(f"{name} <> {common}")
        op.create_index(
            f"ix_audit_entries_{name}_index", "audit_entries", [name, "index"],
            sqlite_where=where, postgresql_where=where,
        )  # fmt: skip
    op.create_table(
        "audit_views",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False, index=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.UniqueConstraint("owner", "name"),
    )


def _fill(connection: sa.Connection) -> None:
    """What the new columns say is in each leaf already."""
    after = -1
    select = sa.text(
        'SELECT "index", leaf FROM audit_entries WHERE "index" > :after ORDER BY "index" LIMIT :count'
    )
    update = sa.text(
        "UPDATE audit_entries SET outcome = :outcome, origin = :origin, model = :model, "
        'request = :request, detectors = :detectors WHERE "index" = :index'
    )
    while rows := connection.execute(select, {"after": after, "count": BATCH}).all():
        connection.execute(update, [_columns(index, leaf) for index, leaf in rows])
        after = rows[-1][0]


def _columns(index: int, leaf: bytes) -> dict[str, object]:
    try:
        said = json.loads(leaf)
        detectors = sorted(said.get("detections", {}))
        return {
            "index": index,
            "outcome": str(said["outcome"]),
            "origin": str(said["actor"].get("origin", "")),
            "model": str(said.get("model", "")),
            "request": str(said.get("request", "")),
            "detectors": " ".join(detectors),
        }
    except (ValueError, KeyError, TypeError, AttributeError):  # damaged: verification names it, not we
        return {"index": index, **dict.fromkeys(NEW, "")}
