"""The client's side of `/v1/socket`: calls and subscriptions as messages of one connection that lasts."""
