"""`second-skin dashboard`: a page in the browser, for technicians. A client of the service, a process of its own."""
