"""The hot loop: an epoch, a step, the network's passes, and prediction."""
