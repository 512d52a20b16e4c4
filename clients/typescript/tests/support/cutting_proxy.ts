import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy before a server that counts what passes and cuts connections. */
export interface CuttingProxy {
  readonly url: string;
  /** The first lines of all requests that reached the server. */
  readonly requests: string[];
  /** Cut the connection in the place of the next `count` responses to requests that begin so: the server has acted. */
  loseResponses(count: number, to?: string): void;
  /** Send the next connections to another server. */
  redirect(target: string): void;
  /** Cut all connections now. */
  cut(): void;
  close(): Promise<void>;
}

export async function cuttingProxy(target: string): Promise<CuttingProxy> {
  let { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let toLose = 0;
  let losing = "";
  const server = createServer((client) => {
    const onward = connect(Number(port), hostname);
    let asked = "";
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        onward.destroy();
      });
    }
    client.on("data", (piece) => {
      const [line] = piece.toString("latin1").split("\r\n");
      if (/ HTTP\/1\.1$/.test(line!)) requests.push(asked = line!);
      onward.write(piece);
    });
    onward.on("data", (piece) => {
      if (toLose > 0 && asked.startsWith(losing)) {
        toLose--;
        client.destroy();
      } else {
        client.write(piece);
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    requests,
    redirect(other) {
      ({ hostname, port } = new URL(other));
      cut();
    },
    loseResponses(count, to = "") {
      toLose = count;
      losing = to;
    },
    cut,
    async close() {
      server.close();
      cut();
      await once(server, "close");
    },
  };
}
