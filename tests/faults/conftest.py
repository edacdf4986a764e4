"""The databases that these tests run on."""

from tests.databases import postgres_server, postgres_url, store_url

__all__ = ["postgres_server", "postgres_url", "store_url"]
