"""Sound of videos: read on the clock of the frames, and copied into results."""
