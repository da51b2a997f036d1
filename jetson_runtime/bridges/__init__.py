"""`second-skin bridge`: the stream as other programs take it. Each is a client of the service, a process of its own."""
