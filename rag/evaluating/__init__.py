"""Questions of a collection's owners, how they were answered, and what that comes to: one metric a file."""
