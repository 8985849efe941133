"""Normalised pixels, divided into training and validation."""
