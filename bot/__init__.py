"""The core of frontdesk: vocabulary, engine, router, guards, dialogue, store and the wiring around them."""
