"""How two VAEs are related, told from their weights."""
