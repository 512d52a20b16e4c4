"""HTTP/1.1 itself: what our connections add to those of uvicorn, the only room that knows a web server."""
