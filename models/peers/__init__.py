"""Other ways to compute a tick of a bundle's network, for `second-skin bench engines` to measure beside ours.

Each is as fast as its library's documentation lets it be on one thread, holds the bundle's own weights, and must give
the same numbers. A way that looks at a window of 249 rows is what is commonly done; the others keep a state.
"""
