/** One form for each e-mail address, and no form for what no mail server takes. */

import { codePoints, utf8Length } from "./values.js";

const EXAMPLE = "must be an e-mail address such as ada@example.org";
const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LOCAL = RegExp(`^${ATOM}(?:\\.${ATOM})*$`);
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const DOMAIN = RegExp(`^(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
// Other, unassigned and separating characters, and those that are shown as nothing.
const UNSEEN =
  /[\p{C}\p{Z}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]/u;
// Scripts with letters that look like Latin ones.
const LOOK_ALIKES = ["Armn", "Cher", "Copt", "Cyrl", "Dsrt", "Grek", "Lisu", "Osge"];

/** The one form of the address. Throws an Error where it is none. */
export function normalizedEmail(text: string): string {
  const tooLong = Error("must have at most 64 bytes before the @, and 254 in all");
  if (codePoints(text) > 1016) throw tooLong;
  const small = text.normalize("NFC").replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const at = small.lastIndexOf("@");
  const local = small.slice(0, at);
  const domain = small.slice(at + 1);
  const name = /^[\x00-\x7f]*$/.test(domain) && !domain.includes("xn--") ? domain : aLabels(domain);
  if (UNSEEN.test(text) || at < 0 || !DOMAIN.test(name) || !isLocal(local, !name.includes("xn--"))) {
    throw Error(EXAMPLE);
  }
  const address = `${local}@${name}`;
  if (utf8Length(address) > 254 || utf8Length(local) > 64) throw tooLong;
  return address;
}

function isLocal(local: string, hasPlainDomain: boolean): boolean {
  if (LOCAL.test(local)) return true;
  if (local.normalize("NFKC") !== local || !LOCAL.test(local.replace(/[\p{L}\p{M}\p{N}]/gu, "x"))) return false;
  const letters = local.match(/\p{L}/gu)?.join("") ?? "";
  const scripts = LOOK_ALIKES.filter((script) => RegExp(`\\p{Script=${script}}`, "u").test(letters));
  const isOne = () => RegExp(`^\\p{Script=${scripts[0]}}*$`, "u").test(letters);
  return !scripts.length || (!hasPlainDomain && isOne());
}

function aLabels(domain: string): string {
  try {
    return /[^\p{L}\p{M}\p{N}.-]/u.test(domain) ? "" : new URL(`http://${domain}`).hostname;
  } catch {
    return "";
  }
}
