/** The link for others, where one may invite them. */
import { useContext, useState } from "preact/hooks";
import { useCell } from "../cell";
import { includes, me } from "../words/meeting";
import { CallHere } from "./calls/here";
import { icons } from "./icons";
import { Parts } from "./parts";
import { t } from "./texts";

/** Nothing in a call, into which people are rung, nor where one may not invite. */
export function CopyLink() {
  const calls = useContext(CallHere);
  const { attendance } = useContext(Parts);
  const { meeting } = useCell(attendance.view);
  const [copied, setCopied] = useState<string | null>(null);
  if (calls || !meeting || !includes(meeting.info.rights.invite, me(meeting)?.role)) return null;
  const copy = async () => {
    const link = await attendance.invitation();
    if (link === null) return;
    // Where the clipboard is out of reach, the link can be read and marked.
    const done = await navigator.clipboard.writeText(link).then(() => true, () => false);
    setCopied(done ? "" : link);
  };
  return (
    <div class="copy-link">
      <button type="button" class="quiet" data-testid="copy-link" onClick={() => void copy()}>
        {icons.link}
        {t(copied === "" ? "meeting.copied" : "meeting.copy")}
      </button>
      {copied && <output data-testid="link">{copied}</output>}
    </div>
  );
}
