"""Metrics, predictions and the report."""
