import { failure, isOwn } from "../contract/errors.js";
import { canRepeat, type ClientResponse, type Layer, originOf } from "./exchange.js";
import type { Token, TokenKeeper } from "./tokens.js";

const MOST_RENEWALS = 2; // a token that another call renewed meanwhile may have aged too

/** A 401 that is not the server's own, such as a gateway's, says nothing of the token. */
const isRefused = (response: ClientResponse) => response.status === 401 && isOwn(response);

/**
 * Sends the access token to its server, and to no other. The server's 401 renews it and sends the request again, and a
 * second one ends the session.
 */
export const bearer = (tokens: TokenKeeper, origin: string): Layer => async (request, send) => {
  if (!request.hasAuth || originOf(request.url) !== origin) return send(request);
  const { journal } = request;
  let token = await tokens.current();
  const user = token?.user ?? "";
  if ((journal.user ??= user) !== user) {
    throw failure("unauthorized", { message: "Somebody else signed in meanwhile.", sent: journal.sent });
  }
  const attempt = (used: Token) =>
    send({ ...request, headers: { ...request.headers, authorization: `Bearer ${used.value}` } });
  if (!token) return send(request);
  let response = await attempt(token);
  for (let renewals = 0; renewals < MOST_RENEWALS && isRefused(response) && canRepeat(request); renewals++) {
    const renewed: Token | undefined = await tokens.renewed(token);
    if (!renewed) break;
    token = renewed;
    response = await attempt(token);
    if (token.isFresh && isRefused(response)) {
      await tokens.refused(token);
      break;
    }
  }
  return response;
};
