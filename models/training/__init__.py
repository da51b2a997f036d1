"""Training: grouped networks, run folders that a killed training goes on from."""
