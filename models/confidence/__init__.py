"""How far to trust a model: intervals and warnings, learned from people it was not trained on."""
