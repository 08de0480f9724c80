"""One module per kind of load; each has WORKLOADS."""
