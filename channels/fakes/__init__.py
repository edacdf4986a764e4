"""Local stand-ins for chat platforms: real HTTP on a loopback port, the real wire, faults on demand."""
