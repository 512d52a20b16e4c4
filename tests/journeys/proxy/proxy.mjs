/** Express with `compression()` in front of a server, as many apps have it; prints the port on which it listens. */

import { request } from "node:http";
import compression from "compression";
import express from "express";

const [, , host, port] = process.argv;
const app = express();

app.use(compression());
app.use((asked, answer) => {
  const { method, url: path, headers } = asked;
  const onward = request({ host, port, method, path, headers }, (given) => {
    answer.writeHead(given.statusCode, given.headers);
    given.pipe(answer);
  });
  onward.on("error", () => answer.destroy());
  answer.on("close", () => onward.destroy());
  asked.pipe(onward);
});

const server = app.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
