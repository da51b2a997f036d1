"""The network: its layers, its graphs, the files a device loads, and checkpoints of others."""
