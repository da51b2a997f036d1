"""`second-skin panel`: LED, buzzer and tare button on GPIO pins. A client of the service, a process of its own."""
