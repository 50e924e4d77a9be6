"""The application: settings, assembly, conversations, pages, administration."""
