"""Many suits, one server: `second-skin bridge nats` forwards a suit's stream to a NATS JetStream server."""
