"""Personal data out of transcripts: names, numbers and addresses become typed placeholders."""

from frontdesk.finetune.redact.findings import KINDS, Finding, Redacted
from frontdesk.finetune.redact.names import NameTagger
from frontdesk.finetune.redact.redactor import Redactor, Tagger, brand_redactor

__all__ = ["KINDS", "Finding", "NameTagger", "Redacted", "Redactor", "Tagger", "brand_redactor"]
