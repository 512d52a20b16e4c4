// Read when the page starts, so that one build serves every address. Set apiUrl to where the backend listens;
// without it the page uses VITE_API_URL from the build, else the address that the page itself comes from.
// live: over what changes are reported, "events" (Server-sent events), "socket" or "graphql".
window.SHOP_CONFIG = {};
