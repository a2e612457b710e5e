"""Single sign-on: sign-in at an identity provider with OpenID Connect."""
