"""Table of media formats: the matrix tests write and read each of its rows, and formats.md lists them."""
