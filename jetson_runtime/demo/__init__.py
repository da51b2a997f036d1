"""A trial played on emulated devices, and the demonstration of the whole way."""
