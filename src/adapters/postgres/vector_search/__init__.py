"""Search among the vectors of galleries with pgvector."""
