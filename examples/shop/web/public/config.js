// Read when the page starts, so that one build serves every address. Set apiUrl to where the backend listens;
// without it the page uses VITE_API_URL from the build, else http://127.0.0.1:8000.
window.SHOP_CONFIG = {};
