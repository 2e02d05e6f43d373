/** A text that is to be kept elsewhere: shown whole, and copied. */
import { useState } from "preact/hooks";
import { signs } from "./icons";
import { t } from "./texts";

export function Copied({ text, id }: { text: string; id: string }) {
  const [copied, setCopied] = useState(false);
  // Where the clipboard is out of reach, the text can be marked.
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(false));
  return (
    <div class="copied">
      <output data-testid={id}>{text}</output>
      <button type="button" class="quiet" data-testid={`${id}-copy`} onClick={() => void copy()}>
        {copied ? signs.check : signs.copy}{t(copied ? "copied" : "copy")}
      </button>
    </div>
  );
}
