"""Trials as the laboratory works with them: loading, folds, the task set, the paper's filter."""
