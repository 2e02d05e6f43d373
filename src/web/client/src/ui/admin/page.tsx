/** The page of those who administer the appliance: the door, and behind it a part for each thing. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { JSX } from "preact";
import { Admin } from "../../admin/admin";
import type { Permission } from "../../admin/api";
import { useCell } from "../../cell";
import { icons, Mark } from "../icons";
import { LanguageChoice } from "../settings";
import { language } from "../texts";
import { Audit } from "./audit";
import { Devices } from "./devices";
import { SignIn, Unclaimed } from "./door";
import { Health } from "./health";
import { signs } from "./icons";
import { Logs } from "./logs";
import { Meetings } from "./meetings";
import { Here, useAdmin } from "./parts";
import { Settings } from "./settings";
import { t } from "./texts";
import { Tokens } from "./tokens";
import { Banners } from "./unconfirmed";
import { Updates } from "./updates";
import "./admin.css";

/** A part of the page: its name in the address, who sees it, and what it looks like. */
interface Part {
  readonly id: string;
  readonly needs: Permission;
  readonly name: () => string;
  readonly icon: JSX.Element;
  readonly View: () => JSX.Element;
}

/** In the order in which they are needed. */
const PARTS: readonly Part[] = [
  { id: "health", needs: "watch", name: () => t("health"), icon: signs.health, View: Health },
  { id: "meetings", needs: "watch", name: () => t("meetings"), icon: icons.people, View: Meetings },
  { id: "devices", needs: "watch", name: () => t("devices"), icon: icons.camera, View: Devices },
  { id: "settings", needs: "watch", name: () => t("settings"), icon: icons.settings, View: Settings },
  { id: "updates", needs: "watch", name: () => t("updates"), icon: signs.update, View: Updates },
  { id: "tokens", needs: "own", name: () => t("tokens"), icon: signs.key, View: Tokens },
  { id: "audit", needs: "audit", name: () => t("audit"), icon: signs.list, View: Audit },
  { id: "logs", needs: "audit", name: () => t("logs"), icon: signs.log, View: Logs },
];

/** Opens the page. */
export function open(root: HTMLElement): void {
  const admin = new Admin();
  render(<Page admin={admin} />, root);
  void admin.begin();
}

function Page({ admin }: { admin: Admin }) {
  useCell(language);
  const { stage, away, who } = useCell(admin.view);
  useEffect(() => {
    document.title = who ? `${who.room} · ${t("title")}` : t("title");
  });
  if (stage === "unclaimed") return <Unclaimed admin={admin} />;
  if (stage === "out") return <SignIn admin={admin} />;
  if (stage === "in") return <Here.Provider value={admin}><Frame /></Here.Provider>;
  return (
    <main class="sheet" data-testid="asking">
      <Mark />
      <p class="connecting" role="status"><span class="spinner" />{t(away ? "away" : "loading")}</p>
    </main>
  );
}

/** What the address says behind `#`, until the first slash. */
const named = () => location.hash.slice(1).split("/")[0] ?? "";

function Frame() {
  const admin = useAdmin();
  const { who } = useCell(admin.view);
  const [name, setName] = useState(named());
  useEffect(() => {
    const follow = () => {
      setName(named());
      scrollTo(0, 0);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const parts = PARTS.filter(({ needs }) => admin.may(needs));
  const here = parts.find(({ id }) => id === name) ?? parts[0];
  if (!here || !who) return null;
  return (
    <div class="admin" data-testid="admin">
      <header class="admin-top">
        <Mark />
        <h1>{who.room}</h1>
        <p class="signed" data-testid="who"><strong>{who.name}</strong><small>{t(`role.${who.role}` as "role.owner")}</small></p>
        <button type="button" class="plain" data-testid="sign-out" aria-label={t("sign.out")} title={t("sign.out")} onClick={() => void admin.signOut()}>{signs.out}</button>
      </header>
      <nav class="admin-parts" aria-label={t("parts")}>
        {parts.map(({ id, name, icon }) => (
          <a key={id} href={`#${id}`} data-testid={`part-${id}`} aria-current={id === here.id ? "page" : undefined}>{icon}<span>{name()}</span></a>
        ))}
      </nav>
      <main class="admin-floor">
        <Banners />
        <h2 class="part-title">{here.name()}</h2>
        <here.View key={here.id} />
        <LanguageChoice />
      </main>
    </div>
  );
}
