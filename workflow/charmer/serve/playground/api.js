// The server's endpoints. A newer question of a kind ends the one before it, whose answer nobody waits for.

const asked = new Map();

/** The JSON of an answer, or null where a newer question of this path came. Throws an Error with the server's reason. */
export async function ask(path, body) {
  asked.get(path)?.abort();
  const control = new AbortController();
  asked.set(path, control);
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: control.signal,
    });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error?.message ?? `the server said ${answer.status}`);
    return control.signal.aborted ? null : found;
  } catch (error) {
    if (control.signal.aborted) return null;
    if (error instanceof TypeError) throw new Error("the server does not answer; is charmer still running?");
    throw error;
  }
}

/** End the question that is open at this path, if one is. */
export function forget(path) {
  asked.get(path)?.abort();
}

/** Calls `work` when `wait` milliseconds have gone by without another call. */
export function settled(wait, work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, wait);
  };
}
