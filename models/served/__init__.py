"""Answers from servers inside the house that speak the OpenAI protocol: llama-server, vLLM, others."""
