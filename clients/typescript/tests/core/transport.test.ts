import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { createClient, memoryVault } from "../../src/index.js";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }
});

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const reaching = (url: string) => createClient({ url, vault: memoryVault(), options: { headers: { "x-secret": "own" } } });

test("a redirect is refused, and nothing reaches the place that it names", async () => {
  const reached: string[] = [];
  const other = await listening((request, response) => {
    reached.push(request.url!);
    response.end("{}");
  });
  const url = await listening((_, response) => response.writeHead(302, { location: other }).end());
  for (const method of ["GET", "POST"]) {
    await expect(reaching(url).request(method, "/x")).rejects.toMatchObject({ code: "redirect_refused", sent: "yes" });
  }
  expect(reached).toEqual([]);
});

test("the real network's failures have their errors", async () => {
  const silent = await listening(() => {});
  const closed = await listening(() => {});
  servers.pop()!.close();
  const cut = await listening((_, response) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("half", () => response.destroy());
  });
  const code = (url: string, deadline?: number) => {
    const client = createClient({ url, options: { retries: 0 } });
    return client.request("GET", "/", { deadline }).catch((error: any) => [error.code, error.sent]);
  };
  expect(await code(closed)).toEqual(["connect", "no"]);
  expect(await code(cut)).toEqual(["connection_lost", "maybe"]);
  expect(await code(silent, 0.01)).toEqual(["deadline", "maybe"]);
});

test("bytes that are sent as they are arrive so, a stream once", async () => {
  const bodies: string[] = [];
  const url = await listening((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece)).on("end", () => {
      bodies.push(`${request.headers["content-type"]} ${body}`);
      response.writeHead(bodies.length < 3 ? 503 : 200).end();
    });
  });
  const client = createClient({ url, options: { retryBaseBusy: 0.001 } });
  await client.request("PUT", "/file", { body: new Blob(["blob"], { type: "text/plain" }) }).catch(() => {});
  expect(bodies).toEqual(["text/plain blob", "text/plain blob", "text/plain blob"]);
  bodies.length = 0;
  const streamed = (text: string) => new ReadableStream<Uint8Array>({
    start(control) {
      control.enqueue(new TextEncoder().encode(text));
      control.close();
    },
  });
  const parts = () => ({ body: streamed("stream"), headers: { "content-type": "application/octet-stream" } });
  await expect(client.request("PUT", "/file", parts())).rejects.toMatchObject({ status: 503, attempts: 1 });
  expect(bodies).toEqual(["application/octet-stream stream"]);
});
