"""A built web page, served beside the API and never in place of it."""
