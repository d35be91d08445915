"""Who hears of a run: messages through Apprise, and a dead man's switch that is pinged."""
