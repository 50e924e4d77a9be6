"""The only door to Chainlit: the chat view."""
