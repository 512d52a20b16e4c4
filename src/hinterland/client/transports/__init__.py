"""What sends a request: the network, an app in this process, or a script."""
