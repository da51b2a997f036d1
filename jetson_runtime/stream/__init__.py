"""The wire schema and the sockets that carry it."""
