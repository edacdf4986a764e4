"""Support transcripts in: our JSONL, CSV and the exports of Zendesk, Intercom, Chatwoot and Slack.

Everything streams, and a `Report` accounts for what was left out and why.
"""

from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.pairs import Pair, pairs
from frontdesk.finetune.transcripts.reading import read_transcripts
from frontdesk.finetune.transcripts.report import Report

__all__ = ["Pair", "Report", "Said", "Transcript", "pairs", "read_transcripts"]
