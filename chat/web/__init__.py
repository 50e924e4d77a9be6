"""Our own pages around the chat: sign-in, sources, headers."""
