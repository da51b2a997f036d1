"""What the device loads: how it is made of weights, what its card tells, and the demo's."""
