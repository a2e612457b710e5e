"""Detection of text beside the detector itself: large text, ends and lengths of lines, round views."""
