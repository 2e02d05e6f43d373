/** Before one is in: becoming the owner of a new appliance, and signing in with a token. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Admin } from "../../admin/admin";
import { Mark } from "../icons";
import { LanguageChoice } from "../settings";
import { Copied } from "./copied";
import { Refusal, useDoing } from "./parts";
import { t } from "./texts";

/** Nobody owns the appliance: whoever stands before its screen becomes the owner. */
export function Unclaimed({ admin }: { admin: Admin }) {
  const [code, setCode] = useState("");
  const [name, setName] = useState("");
  const [token, setToken] = useState("");
  const [hasToken, setHasToken] = useState(false);
  const { busy, refused, act } = useDoing();
  const claim = (event: Event) => {
    event.preventDefault();
    void act(async () => setToken(await admin.claim(code, name.trim())));
  };
  if (hasToken) return <SignIn admin={admin} />;
  if (token) return <Owner admin={admin} token={token} />;
  return (
    <Sheet id="unclaimed" title={t("claim.title")} lead={t("claim.lead")}>
      <form class="join" onSubmit={claim}>
        <label class="field">
          <span>{t("claim.code")}</span>
          <input
            class="code" required data-testid="claim-code" inputMode="numeric" autocomplete="one-time-code" placeholder="0000 0000"
            maxLength={12} value={code} onInput={(event) => setCode(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>{t("claim.name")}</span>
          <input
            required data-testid="claim-name" autocomplete="name" maxLength={64} value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <Refusal of={refused} />
        <button class="primary" type="submit" data-testid="claim" disabled={busy}>{t("claim.do")}</button>
      </form>
      <details class="more">
        <summary>{t("claim.no.screen")}</summary>
        <p>{t("claim.no.screen.hint")}</p>
        <pre><code>sudo alcove claim-code</code></pre>
      </details>
      <button type="button" class="link" data-testid="has-token" onClick={() => setHasToken(true)}>{t("claim.has.token")}</button>
    </Sheet>
  );
}

/** The token of the new owner, this once. */
function Owner({ admin, token }: { admin: Admin; token: string }) {
  const { busy, refused, act } = useDoing();
  return (
    <Sheet id="owner" title={t("claim.done.title")} lead={t("claim.done.lead")}>
      <Copied text={token} id="owner-token" />
      <Refusal of={refused} />
      <button type="button" class="primary" data-testid="enter" disabled={busy} onClick={() => void act(() => admin.signIn(token))}>
        {t("claim.done.go")}
      </button>
    </Sheet>
  );
}

export function SignIn({ admin }: { admin: Admin }) {
  const [token, setToken] = useState("");
  const { busy, refused, act } = useDoing();
  const signIn = (event: Event) => {
    event.preventDefault();
    void act(() => admin.signIn(token.trim()));
  };
  return (
    <Sheet id="sign-in" title={t("in.title")} lead={t("in.lead")}>
      <form class="join" onSubmit={signIn}>
        {/* Browsers offer to keep a password beside a name. */}
        <input class="hidden" type="text" name="username" autocomplete="username" value="alcove" readOnly tabIndex={-1} aria-hidden="true" />
        <label class="field">
          <span>{t("in.token")}</span>
          <input
            required autofocus type="password" name="token" autocomplete="current-password" data-testid="token" spellcheck={false}
            value={token} onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <Refusal of={refused} />
        <button class="primary" type="submit" data-testid="enter" disabled={busy}>{t("in.do")}</button>
      </form>
      <details class="more">
        <summary>{t("in.where")}</summary>
        <p>{t("in.where.hint")}</p>
        <pre><code>sudo cat /var/lib/alcove/admin-token</code></pre>
      </details>
    </Sheet>
  );
}

export function Sheet(props: { id: string; title: string; lead: string; children: ComponentChildren }) {
  return (
    <main class="sheet" data-testid={props.id}>
      <Mark />
      <h1>{props.title}</h1>
      <p>{props.lead}</p>
      {props.children}
      <LanguageChoice />
    </main>
  );
}
