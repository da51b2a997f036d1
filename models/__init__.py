"""Training, evaluation, virtual wearers. The only package that may import torch."""
