"""The strategies that come with pm_data."""
