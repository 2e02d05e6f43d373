/** What stands above every part: that the appliance does not answer, and a change that waits for a word. */
import { useEffect, useState } from "preact/hooks";
import { useCell } from "../../cell";
import { Refusal, useAdmin, useDoing } from "./parts";
import { t } from "./texts";

export function Banners() {
  const admin = useAdmin();
  const { away, unconfirmed } = useCell(admin.view);
  return (
    <div class="banners" role="status">
      {away && <p class="banner calm" data-testid="away"><span class="spinner" />{t("away")}</p>}
      {unconfirmed && <Unconfirmed until={unconfirmed.until} />}
    </div>
  );
}

function Unconfirmed({ until }: { until: number }) {
  const admin = useAdmin();
  const { busy, refused, act } = useDoing();
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const left = Math.max(0, Math.ceil((until - now) / 1000));
  return (
    <div class="banner unconfirmed" data-testid="unconfirmed">
      {/* Read out once, and not every second. */}
      <p>{t("unconfirmed")} <strong aria-live="off" data-testid="countdown">{t("unconfirmed.left", { seconds: left })}</strong></p>
      {admin.may("configure") && (
        <button type="button" class="primary" data-testid="keep" disabled={busy} onClick={() => void act(() => admin.confirm())}>{t("unconfirmed.keep")}</button>
      )}
      <Refusal of={refused} />
    </div>
  );
}
