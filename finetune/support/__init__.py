"""The support check's training data: quotes with what they carry and what they do not."""
