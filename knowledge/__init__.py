"""Sources -> documents -> passages -> index -> answers with citations, or an honest abstention."""
