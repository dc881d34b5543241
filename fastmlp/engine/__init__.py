"""What the kernels run on: layouts, datasets, workspaces, threads; and prediction."""
