/** One event: its name ("message" by default), its data and the last id that was seen. */
export interface Message {
  event: string;
  data: string;
  id: string;
}

/**
 * Turns the pieces of a stream of Server-sent events, cut anywhere, into the messages that each completes (WHATWG HTML,
 * "Server-sent events" §9.2.6). When to reconnect is up to the caller: `retry` is ignored.
 */
export function eventStreamParser(): (piece: Uint8Array) => Message[] {
  const decoder = new TextDecoder(); // removes the byte order mark
  let buffer = "";
  let event = "";
  let id = "";
  let data: string[] = [];

  function take(line: string, messages: Message[]) {
    if (!line) {
      if (data.length) messages.push({ event: event || "message", data: data.join("\n"), id });
      event = "";
      data = [];
      return;
    }
    const [, name, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line)!;
    if (name === "data") data.push(value);
    else if (name === "event") event = value;
    else if (name === "id" && !value.includes("\0")) id = value;
  }

  return (piece) => {
    const messages: Message[] = [];
    buffer += decoder.decode(piece, { stream: true });
    // A CR at the end may be half of a CRLF: it waits for what follows.
    const lines = buffer.split(/\r\n|\n|\r(?!$)/);
    buffer = lines.pop()!;
    for (const line of lines) take(line, messages);
    return messages;
  };
}
