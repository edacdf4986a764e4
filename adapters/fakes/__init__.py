"""A local stand-in for voice servers: real HTTP on a loopback port, the real wire, faults on demand."""
