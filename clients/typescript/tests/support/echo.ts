import { once } from "node:events";
import { type WebSocket as Peer, WebSocketServer } from "ws";

/** A WebSocket server of the package `ws`, which does with messages what the test says. */
export interface Echo {
  readonly url: string;
  /** The connections until now. */
  readonly peers: Peer[];
  /** What came, in order. */
  readonly heard: (string | Buffer)[];
  /** What it does with a message; by default it sends it back. */
  answer: (peer: Peer, data: string | Buffer) => void;
  close(): Promise<void>;
}

export async function startEcho(): Promise<Echo> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: (offered) => [...offered].at(-1) ?? false });
  await once(server, "listening");
  const echo: Echo = {
    url: `ws://127.0.0.1:${(server.address() as { port: number }).port}/`,
    peers: [], heard: [],
    answer: (peer, data) => peer.send(data),
    async close() {
      for (const peer of server.clients) peer.terminate();
      server.close();
      await once(server, "close");
    },
  };
  server.on("connection", (peer) => {
    echo.peers.push(peer);
    peer.on("message", (data: Buffer, isBinary) => {
      const message = isBinary ? data : data.toString();
      echo.heard.push(message);
      echo.answer(peer, message);
    });
  });
  return echo;
}
