"""Everything that touches Postgres: the schema, the connection, the embedded server."""
