"""Local stand-ins for what knowledge is made from: a real web site on a loopback port, with faults on demand."""
