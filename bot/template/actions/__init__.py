"""The account actions of this bot: rasa-sdk custom actions that read the customer's own orders."""
