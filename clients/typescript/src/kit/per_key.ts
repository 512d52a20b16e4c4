/** One value for each key, made when it is first needed. */
export function perKey<T>(make: () => T): (key: string) => T {
  const all = new Map<string, T>();
  return (key) => {
    let value = all.get(key);
    if (!value) all.set(key, value = make());
    return value;
  };
}
