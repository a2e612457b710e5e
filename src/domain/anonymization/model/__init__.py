"""Value types of the anonymisation; everything else in the package builds on them."""
