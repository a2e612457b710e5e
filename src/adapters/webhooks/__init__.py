"""Webhook delivery with protection against server-side request forgery (SSRF)."""
