"""Where videos and results lie: a folder, or MinIO and whatever else speaks S3."""
