"""Retrieval, a voice, an account action or a person? What a project's own data say about each intent."""
