"""Measuring voices: how much a reply sounds like a voice, what it keeps of its content, which facts it invents."""
