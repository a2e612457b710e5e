"""What Framecloak knows about anonymising frames and recognising faces; no framework, no I/O."""
