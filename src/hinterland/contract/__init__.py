"""The words that the server and the client both speak."""
