"""OpenID Connect: discovery, keys and tokens of an identity provider."""
