/* The service worker: keeps the page's own files, so that it opens without a network. Vite puts their list and its hash in. */

const FILES = ["assets/backoff-D51bHwA-.js","assets/graphql-BpquNpGQ.js","assets/index-84fn_WUX.css","assets/index-CufymaxZ.js","assets/later-Dmh53V-X.js","assets/link-BifMvScD.js","assets/socket-Cs6LulB6.js","config.js","icon-192.png","icon-512.png","icon.svg","index.html","manifest.webmanifest"];
const CACHE = "shop-fac4ba0b844a54c2";
const PATIENCE = 2_000; // milliseconds in which a network that is there answers

// All of a build or nothing: a page never gets files of two builds.
addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

// A new build takes over once no tab has the former one open, or when a page asks for it.
addEventListener("message", ({ data }) => {
  if (data === "take over") void self.skipWaiting();
});

addEventListener("activate", (event) => {
  const isFormer = (name) => name.startsWith("shop-") && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(isFormer).map((name) => caches.delete(name)))));
});

/** The file of this build that a request is for; everything else, such as the API, goes to the network untouched. */
function fileOf({ method, mode, url }) {
  const scope = new URL("./", location.href).href;
  const [path] = url.split(/[?#]/);
  if (method !== "GET" || !path.startsWith(scope)) return undefined;
  const name = path.slice(scope.length);
  if (mode === "navigate") return name === "" || name === "index.html" ? "index.html" : undefined;
  return FILES.includes(name) ? name : undefined;
}

addEventListener("fetch", (event) => {
  const file = fileOf(event.request);
  if (file === undefined) return;
  event.respondWith(
    caches.open(CACHE).then(async (cache) => {
      // The operator may change the address that config.js holds, so the network is asked first.
      if (file === "config.js") {
        const answer = await fetch(event.request, { signal: AbortSignal.timeout(PATIENCE) }).catch(() => null);
        if (answer?.ok) return answer;
      }
      return (await cache.match(file, { ignoreVary: true })) ?? fetch(event.request);
    }),
  );
});
