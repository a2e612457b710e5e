"""Controllers of accounts, sessions and single sign-on."""
