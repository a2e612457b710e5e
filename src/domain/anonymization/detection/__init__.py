"""Detection of faces, text and plates in frames, and of shot boundaries between them."""
