"""An in-memory database with the guarantees of ``domain.ports.database``, one module per repository group."""
