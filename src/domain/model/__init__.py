"""Value types that ports and use cases of several topics share: accounts, videos, segments, faces."""
