import { useMemo } from "react";

const RINGS = 7;
const POINTS = 48;

/** A number in 0..2^32 that is the same for the same text (FNV-1a). */
export function hashOf(text: string): number {
  let hash = 2166136261;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619);
  return hash >>> 0;
}

function ringPath(hash: number, ring: number): string {
  const phase = (hash % 628) / 100;
  const lobes = 2 + (hash % 3);
  const points = Array.from({ length: POINTS }, (_, index) => {
    const angle = (index / POINTS) * 2 * Math.PI;
    const wave = Math.sin(angle * lobes + phase + ring * 0.35) + 0.5 * Math.sin(angle * (lobes + 2) - phase);
    const radius = (ring + 1) * 13 * (1 + 0.13 * wave);
    return `${(100 + radius * 1.35 * Math.cos(angle)).toFixed(1)} ${(50 + radius * Math.sin(angle)).toFixed(1)}`;
  });
  return `M${points.join("L")}Z`;
}

/** Height lines of a hill that only this text has: a picture for what has none. */
export function Contours({ seed }: { seed: string }) {
  const path = useMemo(() => {
    const hash = hashOf(seed);
    return Array.from({ length: RINGS }, (_, ring) => ringPath(hash, ring)).join("");
  }, [seed]);
  return (
    <svg className="contours" viewBox="0 0 200 100" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
