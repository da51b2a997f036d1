"""`second-skin doctor`: what is wrong with this suit and its machine, each in a line with what to do."""
