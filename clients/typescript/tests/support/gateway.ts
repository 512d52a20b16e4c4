import { createServer, request, type Server as HttpServer } from "node:http";

/** Stands between browser and server: serves the test's page from the server's origin, and disturbs what passes. */
export interface Gateway {
  readonly url: string;
  /** No request reaches the server, and open ones are cut. */
  isDown: boolean;
  /** Every request is answered with a page of HTML, as a login portal of a network does. */
  isPortal: boolean;
  /** The part of the answers to pushes that are lost, though the server has acted. */
  lost: number;
  /** Requests by path, as often as they reached the server. */
  readonly passed: Map<string, number>;
  cut(): void;
  close(): Promise<void>;
}

const PAGE = "<!doctype html><meta charset=utf-8><title>offline</title><link rel=icon href=data:,><body>"
  + "<script src=/page.js></script>";

/** A generator of numbers from 0 to 1 that begins the same every time. */
export function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function startGateway(target: string, script: string, seed = 1): Promise<Gateway> {
  const random = seeded(seed);
  const gateway = { isDown: false, isPortal: false, lost: 0, passed: new Map<string, number>() };
  const server: HttpServer = createServer((incoming, outgoing) => {
    const path = incoming.url!;
    if (path === "/" || path === "/page.js") {
      outgoing.writeHead(200, { "content-type": path === "/" ? "text/html" : "text/javascript" });
      outgoing.end(path === "/" ? PAGE : script);
      return;
    }
    if (gateway.isDown) return void incoming.socket.destroy();
    if (gateway.isPortal) {
      outgoing.writeHead(200, { "content-type": "text/html" });
      outgoing.end("<!doctype html><title>Sign in to the network</title>");
      return;
    }
    const [name] = path.split("?") as [string];
    const { host, origin, referer, ...headers } = incoming.headers; // which another name of the page would tell
    const passing = request(`${target}${path}`, { method: incoming.method!, headers: { ...headers, host: new URL(target).host } },
      (answer) => {
        gateway.passed.set(name, (gateway.passed.get(name) ?? 0) + 1);
        if (gateway.isDown || (name === "/v1/sync/push" && random() < gateway.lost)) {
          answer.resume();
          return void incoming.socket.destroy();
        }
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
        answer.on("error", () => outgoing.destroy());
      });
    passing.on("error", () => incoming.socket.destroy());
    outgoing.on("close", () => passing.destroy());
    incoming.pipe(passing);
  });
  const sockets = new Set<import("node:net").Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return Object.assign(gateway, {
    url: `http://127.0.0.1:${port}`, cut,
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      cut();
    }),
  });
}
