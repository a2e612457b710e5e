"""PostgreSQL adapters: repositories, unit of work, schema and gallery indexes."""
