/** Numbers and instants as people read them. */

const STEPS: readonly [seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [3600, "minute"],
  [86_400, "hour"],
  [604_800, "day"],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const day = new Intl.DateTimeFormat("en", { dateStyle: "long" });
const megabytes = new Intl.NumberFormat("en", { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
const money = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

export function timeAgo(instant: string, now = Date.now()): string {
  const then = Date.parse(instant);
  const seconds = Math.max(0, (now - then) / 1000);
  if (seconds < 10) return "just now";
  const index = STEPS.findIndex(([limit]) => seconds < limit);
  const step = STEPS[index];
  if (step === undefined) return day.format(then);
  const size = STEPS[index - 1]?.[0] ?? 1;
  return relative.format(-Math.floor(seconds / size), step[1]);
}

export function longDay(instant: string): string {
  return day.format(Date.parse(instant));
}

export function size(bytes: number): string {
  return megabytes.format(bytes / 1e6);
}

export function price(amount: number | null): string {
  return amount === null ? "Price on request" : money.format(amount);
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase();
}
