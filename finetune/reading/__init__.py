"""The answer reader's training data: questions people might ask, and where documents answer them."""
