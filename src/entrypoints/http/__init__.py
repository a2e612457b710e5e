"""HTTP API; together with the CLIP service the only package that uses Litestar."""
