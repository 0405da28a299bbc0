"""Where everything is kept: the only place that knows SQLAlchemy, the drivers and SQL."""
