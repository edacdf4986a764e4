"""Files, folders, pages, sitemaps and Git folders -> documents. What cannot be read is skipped with its reason."""

from frontdesk.knowledge.sources.find import Found
from frontdesk.knowledge.sources.reading import READER, read
from frontdesk.knowledge.sources.source import NOT_MODIFIED, Read, Source, Unreadable

__all__ = ["NOT_MODIFIED", "READER", "Found", "Read", "Source", "Unreadable", "read"]
