"""Kernels of networks for tables: embeddings of the inputs, the scaling layer, activations with learnt slopes."""
