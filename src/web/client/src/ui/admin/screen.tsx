/** What the room's screen shows, taken anew while it is looked at. */
import { useEffect } from "preact/hooks";
import { useAdmin, useAsked } from "./parts";
import { t } from "./texts";

export function Screen({ everyMs }: { everyMs: number }) {
  const { api } = useAdmin();
  const { body: picture } = useAsked(() => api.picture("display/snapshot.png"), everyMs);
  useEffect(() => (picture === null ? undefined : () => URL.revokeObjectURL(picture)), [picture]);
  return (
    <figure class="screen" data-testid="screen">
      <div class="glass">{picture === null ? <span class="spinner" /> : <img src={picture} alt={t("screen.alt")} />}</div>
      <figcaption>{t("screen")}</figcaption>
    </figure>
  );
}
