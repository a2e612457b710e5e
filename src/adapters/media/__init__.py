"""Reading, redacting, encoding and archiving of videos and images."""
