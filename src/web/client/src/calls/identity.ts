/** Who is signed in in this browser, and which of their devices this tab is. */

/** Under which this browser keeps who I am. */
const TOKEN = "alcove.user";
/** Under which this tab keeps which device it is. */
const DEVICE = "alcove.device";
/** How long a page that is reloaded may take to be gone, in milliseconds. */
const LEFT_WITHIN_MS = 500;

/** The token that the address brings, else that of before; the address forgets it, for it is as good as a password. */
export function userToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("u");
  if (given) {
    localStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? knownUser();
}

/** The token of before. */
export function knownUser(): string {
  return localStorage.getItem(TOKEN) ?? "";
}

/** Nobody is signed in here any more. */
export function forgetUser(): void {
  localStorage.removeItem(TOKEN);
}

/**
 * Which device this tab is: the same after a reload, another one in another tab. A tab that was duplicated has the name of
 * the first one along; whose name it is, is who has the lock.
 */
export async function deviceName(): Promise<string> {
  const known = sessionStorage.getItem(DEVICE);
  if (known && (await owns(known))) return known;
  const made = crypto.randomUUID();
  sessionStorage.setItem(DEVICE, made);
  await owns(made);
  return made;
}

/** Takes a name for as long as the page lives; a page that is being left has it for a moment still. */
function owns(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const keep = () => {
      resolve(true);
      return new Promise<never>(() => undefined);
    };
    navigator.locks.request(`${DEVICE}.${name}`, { signal: AbortSignal.timeout(LEFT_WITHIN_MS) }, keep).catch(() => resolve(false));
  });
}
