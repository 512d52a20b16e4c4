/** Makes a data provider's calls, `[method, …parameters]`, one after another: what each answered, or how it failed. */
export async function made(provider, calls) {
  const results = [];
  for (const [method, ...parameters] of calls) {
    try {
      results.push(await provider[method](...parameters));
    } catch (error) {
      results.push({ error: error.message, status: error.status ?? error.statusCode });
    }
  }
  return results;
}
