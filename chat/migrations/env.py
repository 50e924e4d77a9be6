"""How Alembic reaches the database: through the connection that the house hands over."""

from alembic import context

from chat.tables import metadata as conversations
from rag.store.tables import metadata as store
from security.tables import metadata as people

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[people, store, conversations],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
