"""The WebSocket at `/v1/socket`: calls and subscriptions as messages of one connection."""
