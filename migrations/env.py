"""Alembic's entry: runs the migrations over the connection that appliance.storage.migrate gives it."""

from alembic import context

from appliance.storage.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,  # gives constraints their names
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
