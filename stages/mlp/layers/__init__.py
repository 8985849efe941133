"""The layers: each with forward, backward and predict."""
