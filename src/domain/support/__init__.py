"""Small tools without a topic of their own: retries, circuit breaker, canonical JSON."""
