"""ZIP archives: written as a stream, read in parts, and checked for hidden content."""
