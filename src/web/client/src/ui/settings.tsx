/** The dialog with devices, language and the list of keys. */
import { useEffect, useRef } from "preact/hooks";
import type { Devices } from "../media/devices";
import { useCell } from "../cell";
import { DeviceChoices } from "./devices";
import { icons } from "./icons";
import { language, LANGUAGES, setLanguage, t, type Language, type TextKey } from "./texts";

const KEYS: readonly (readonly [string, TextKey])[] = [
  ["M", "keys.m"],
  ["V", "keys.v"],
  ["S", "keys.s"],
  ["G", "keys.g"],
  ["H", "keys.h"],
  ["T", "keys.t"],
  ["P", "keys.p"],
  ["C", "keys.c"],
  ["F", "keys.f"],
  ["?", "keys.help"],
];

export function Settings({ devices, onClose }: { devices: Devices; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="settings" aria-labelledby="settings-title" data-testid="settings" onClose={onClose}>
      <header>
        <h2 id="settings-title">{t("settings.title")}</h2>
        <button type="button" class="plain" aria-label={t("control.close")} onClick={() => dialog.current?.close()}>
          {icons.close}
        </button>
      </header>
      <h3>{t("settings.devices")}</h3>
      <DeviceChoices devices={devices} />
      <LanguageChoice />
      <h3 class="keys-title">{t("settings.keys")}</h3>
      <dl class="keys">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}

export function LanguageChoice() {
  const now = useCell(language);
  return (
    <div class="languages" role="group" aria-label={t("language")}>
      {LANGUAGES.map(({ id, name }) => (
        <button
          key={id} type="button" lang={id} class="link" aria-pressed={id === now}
          onClick={() => setLanguage(id as Language, true)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
