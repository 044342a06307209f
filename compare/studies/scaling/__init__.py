"""The linear scaling rule on a grid of learning rates and batch sizes."""
