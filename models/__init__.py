"""Local inference: quantized weights to vectors and tokens."""
