"""Text policy: decides from what is read which text is covered, and fails closed."""
