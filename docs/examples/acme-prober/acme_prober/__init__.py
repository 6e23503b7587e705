"""Acme's own kinds for prober: a check of Redis, a channel to the pager, a sink to StatsD."""
