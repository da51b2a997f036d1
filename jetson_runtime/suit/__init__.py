"""What is worn: the table of signals, the config, trials."""
