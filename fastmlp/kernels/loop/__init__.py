"""The training loop: an epoch, its steps, the forward and backward pass; full-batch gradients; prediction."""
