"""The shop's actions: what a customer may hear and change, over shop.db."""
