"""Talking to language models: one client contract and its clients."""
