"""Kernels of networks for tables: embeddings, look-ups, the scaling layer, activations with learnt slopes."""
