"""Documents in, passages and cited answers out."""
