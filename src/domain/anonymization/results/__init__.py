"""The delivered archive: frames, videos, manifest, signature and their verification."""
