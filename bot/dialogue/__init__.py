"""The answerers of the core: voice, clarify and account."""
