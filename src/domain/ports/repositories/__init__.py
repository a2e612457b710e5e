"""Repository ports: one module for each topic of the database."""
