"""From a question and grants to ranked passages."""
