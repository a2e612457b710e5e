"""Domain of Framecloak: anonymisation of videos and re-identification of faces. No framework, no I/O."""
