"""From passages to a checked, cited answer, or an honest refusal."""
