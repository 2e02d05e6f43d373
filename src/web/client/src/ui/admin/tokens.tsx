/** Who else may do what: tokens are made out, told once, and revoked. */
import { useState } from "preact/hooks";
import { Copied } from "./copied";
import { signs } from "./icons";
import { Awaited, Card, Dialog, Refusal, Sure, useAdmin, useAsked, useDoing } from "./parts";
import { ago, moment, t } from "./texts";

const ROLES = ["owner", "admin", "integrator", "user", "room-control", "viewer", "auditor"] as const;
type Role = (typeof ROLES)[number];

/** For how long a token is good, in seconds; 0 is for ever. */
const LIFETIMES = [["day", 86_400], ["month", 30 * 86_400], ["year", 365 * 86_400], ["ever", 0]] as const;

interface Token {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  readonly made_unix_s: number;
  readonly expires_unix_s?: number;
}

export function Tokens() {
  const { api } = useAdmin();
  const list = useAsked(() => api.get<Token[]>("tokens"));
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <div class="tokens">
      <Make onMade={list.reload} />
      <Card title={t("tokens.list")} id="token-list" wide>
        <Awaited of={list}>
          {(tokens) => tokens.length === 0 ? <p class="nothing">{t("tokens.none")}</p> : (
            <ul class="rows">
              {tokens.map((token) => (
                <li key={token.id} class="row" data-testid={`token-${token.name}`}>
                  <span class="mood off">{signs.key}</span>
                  <div class="who">
                    <strong>{token.name}</strong>
                    <small>{[t(`role.${token.role}`), t("tokens.made", { when: ago(token.made_unix_s * 1000) }), ends(token)].join(" · ")}</small>
                  </div>
                  <button type="button" class="quiet small danger" data-testid={`revoke-${token.name}`} onClick={() => setRevoking(token)}>{t("tokens.revoke")}</button>
                </li>
              ))}
            </ul>
          )}
        </Awaited>
      </Card>
      {revoking && (
        <Sure
          title={t("tokens.revoke.title", { name: revoking.name })} text={t("tokens.revoke.text")} yes={t("tokens.revoke")}
          onYes={() => api.ask("DELETE", `tokens/${revoking.id}`).then(list.reload)} onClose={() => setRevoking(null)}
        />
      )}
    </div>
  );
}

const ends = ({ expires_unix_s: end }: Token) => (end === undefined ? t("tokens.for.ever") : t("tokens.until", { when: moment(end * 1000) }));

function Make({ onMade }: { onMade(): Promise<void> }) {
  const { api } = useAdmin();
  const { busy, refused, act } = useDoing();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [lifetime, setLifetime] = useState<number>(365 * 86_400);
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  const make = (event: Event) => {
    event.preventDefault();
    void act(async () => {
      const body = { name: name.trim(), role, ...(lifetime > 0 ? { lifetime_s: lifetime } : {}) };
      setMade((await api.ask<{ name: string; token: string }>("POST", "tokens", { body })).body);
      setName("");
      await onMade();
    });
  };
  return (
    <Card title={t("tokens.new")} id="token-new" wide>
      <form class="make" onSubmit={make}>
        <label class="field">
          <span>{t("tokens.name")}</span>
          <input required maxLength={64} data-testid="token-name" placeholder={t("tokens.name.hint")} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>{t("tokens.role")}</span>
          <select data-testid="token-role" value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
            {ROLES.map((one) => <option key={one} value={one}>{t(`role.${one}`)}</option>)}
          </select>
        </label>
        <label class="field">
          <span>{t("tokens.lifetime")}</span>
          <select data-testid="token-lifetime" value={lifetime} onChange={(event) => setLifetime(Number(event.currentTarget.value))}>
            {LIFETIMES.map(([word, seconds]) => <option key={word} value={seconds}>{t(`tokens.${word}`)}</option>)}
          </select>
        </label>
        <button type="submit" class="primary" data-testid="token-make" disabled={busy}>{t("tokens.make")}</button>
      </form>
      <p class="hint">{t(`role.${role}.hint`)}</p>
      <Refusal of={refused} />
      {made && (
        <Dialog title={t("tokens.told", { name: made.name })} id="token-told" onClose={() => setMade(null)}>
          <p>{t("tokens.told.hint")}</p>
          <Copied text={made.token} id="token-text" />
        </Dialog>
      )}
    </Card>
  );
}
