"""`second-skin bench`: what the runtime costs on this machine, beside other ways and the machine's own limits."""
