"""Peers that break rules or wear the server out, and what an honest client sees meanwhile."""
