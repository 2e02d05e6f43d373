/** What the parts of the page share: what is asked of the appliance while it is seen, cards, dialogs, refusals. */
import { createContext, type ComponentChildren } from "preact";
import { useCallback, useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Admin } from "../../admin/admin";
import { asRefused, type Refused } from "../../admin/api";
import type { Subject } from "../../admin/happenings";
import { icons } from "../icons";
import { t, why } from "./texts";

/** Whose page it is. */
export const Here = createContext<Admin>(null as unknown as Admin);

export const useAdmin = (): Admin => useContext(Here);

/** What was asked, and is asked again from time to time while the page is seen. */
export interface Asked<T> {
  readonly body: T | null;
  readonly refused: Refused | null;
  reload(): Promise<void>;
}

/** Asks for something; with `everyMs` again and again, and with `about` when the appliance tells that it is another. */
export function useAsked<T>(ask: () => Promise<T>, everyMs = 0, about?: Subject): Asked<T> {
  const admin = useAdmin();
  const [state, setState] = useState<{ body: T | null; refused: Refused | null }>({ body: null, refused: null });
  const latest = useRef(ask);
  latest.current = ask;
  const gone = useRef(false);
  const reload = useCallback(async () => {
    try {
      const body = await latest.current();
      if (!gone.current) setState({ body, refused: null });
    } catch (cause) {
      if (!gone.current) setState(({ body }) => ({ body, refused: asRefused(cause) }));
    }
  }, []);
  useEffect(() => {
    gone.current = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = async () => {
      if (admin.isSeen()) await reload();
      if (everyMs > 0 && !gone.current) timer = setTimeout(() => void turn(), everyMs);
    };
    void turn();
    return () => {
      gone.current = true;
      clearTimeout(timer);
    };
  }, [everyMs]);
  useEffect(() => about && admin.happenings.watch(about, () => void reload()), [about]);
  return { ...state, reload };
}

/** Does something that may be refused, once at a time. */
export function useDoing(): { busy: boolean; refused: Refused | null; act(what: () => Promise<unknown>): Promise<boolean> } {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  const act = async (what: () => Promise<unknown>) => {
    setBusy(true);
    setRefused(null);
    try {
      await what();
      return true;
    } catch (cause) {
      setRefused(asRefused(cause));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, refused, act };
}

/** Why something was refused, if it was. */
export function Refusal({ of }: { of: Refused | null }) {
  return of && <p class="problem" role="alert" data-testid="refusal" data-code={of.code}>{why(of)}</p>;
}

/** What there is, or that it is asked for, or why it cannot be had. */
export function Awaited<T>({ of, children }: { of: Asked<T>; children: (body: T) => ComponentChildren }) {
  if (of.body !== null) return <>{children(of.body)}</>;
  if (of.refused) return <Refusal of={of.refused} />;
  return <p class="connecting"><span class="spinner" />{t("loading")}</p>;
}

/** A part of a part, with its title. */
export function Card(props: { title: string; id: string; tools?: ComponentChildren; children: ComponentChildren; wide?: boolean }) {
  return (
    <section class={props.wide ? "card wide" : "card"} aria-labelledby={`${props.id}-title`} data-testid={props.id}>
      <header><h2 id={`${props.id}-title`}>{props.title}</h2>{props.tools}</header>
      {props.children}
    </section>
  );
}

/** A window before the page. */
export function Dialog(props: { title: string; id: string; onClose(): void; children: ComponentChildren; wide?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class={props.wide ? "settings admin-dialog wide" : "settings admin-dialog"} aria-labelledby={`${props.id}-title`} data-testid={props.id} onClose={props.onClose}>
      <header>
        <h2 id={`${props.id}-title`}>{props.title}</h2>
        <button type="button" class="plain" aria-label={t("close")} onClick={() => dialog.current?.close()}>{icons.close}</button>
      </header>
      {props.children}
    </dialog>
  );
}

/** Asks once more before something is done that cannot be taken back. */
export function Sure(props: { title: string; text: string; yes: string; onYes(): Promise<unknown>; onClose(): void }) {
  const { busy, refused, act } = useDoing();
  const yes = async () => (await act(props.onYes)) && props.onClose();
  return (
    <Dialog title={props.title} id="sure" onClose={props.onClose}>
      <p>{props.text}</p>
      <Refusal of={refused} />
      <div class="buttons">
        <button type="button" class="quiet" onClick={props.onClose}>{t("cancel")}</button>
        <button type="button" class="primary danger" data-testid="yes" disabled={busy} onClick={() => void yes()}>{props.yes}</button>
      </div>
    </Dialog>
  );
}
