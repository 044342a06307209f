"""Networks with activations."""
