"""Object stores for videos and results: a folder, or MinIO and other S3-compatible servers."""
