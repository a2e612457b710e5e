"""H.264 video, encoded in software or by the video engine of a GPU."""
