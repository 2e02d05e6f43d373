/** The chat beside the pictures: what was written, and a line to write. */
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { includes, me, others, type Meeting } from "../words/meeting";
import type { Audience, ChatMessage } from "../words/wire";
import { icons } from "./icons";
import { Parts } from "./parts";
import { t } from "./texts";
import { classes } from "./tile";

/** The longest message, in characters; the appliance takes no longer one. */
const CHARS_MAX = 2_000;

interface ChatProps {
  meeting: Meeting;
  /** To whom the first line goes. */
  to: Audience;
  onClose(): void;
}

export function Chat({ meeting, to, onClose }: ChatProps) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [meeting.chat.length]);
  return (
    <aside class="people chat" aria-labelledby="chat-title" data-testid="chat-panel">
      <header>
        <h2 id="chat-title">{t("chat.title")}</h2>
        <button type="button" class="plain" aria-label={t("control.close")} onClick={onClose}>{icons.close}</button>
      </header>
      <div ref={list} class="messages" role="log" aria-live="polite" tabIndex={0} aria-labelledby="chat-title">
        {meeting.chat.length === 0 && <p class="nothing">{t("chat.empty")}</p>}
        {meeting.chat.map((one) => <Message key={one.id} one={one} meeting={meeting} />)}
      </div>
      <Line meeting={meeting} to={to} />
    </aside>
  );
}

function Message({ one, meeting }: { one: ChatMessage; meeting: Meeting }) {
  const isMine = one.from === meeting.you;
  const at = new Date(one.at_ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return (
    <article class={classes("message", isMine && "mine", one.to !== "all" && "private")}>
      <p class="facts"><strong>{isMine ? t("meeting.me") : one.name}</strong> {privately(one, meeting)} <time>{at}</time></p>
      <p class="text">{one.text}</p>
    </article>
  );
}

/** For whom it is, where it is not for all. */
function privately({ to }: ChatMessage, meeting: Meeting): string {
  if (to === "all") return "";
  if (to === "hosts") return t("chat.to.hosts");
  if (to.one === meeting.you) return t("chat.to.you");
  const name = meeting.participants.find((one) => one.id === to.one)?.name;
  return name ? t("chat.to.one", { name }) : "";
}

function Line({ meeting, to: first }: { meeting: Meeting; to: Audience }) {
  const { attendance } = useContext(Parts);
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState("");
  const [to, setTo] = useState<Audience>(first);
  const mayAll = includes(meeting.info.rights.chat, me(meeting)?.role);
  const chosen: Audience = mayAll && (typeof to === "string" || meeting.participants.some((one) => one.id === to.one)) ? to : "hosts";
  useEffect(() => {
    setTo(first);
    field.current?.focus();
  }, [first]);
  const send = async () => {
    if (text.trim() === "") return;
    if (await attendance.write(chosen, text.trim())) setText("");
  };
  return (
    <form class="line" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      <label class="choose">
        <span class="hidden">{t("chat.to")}</span>
        <select value={name(chosen)} onChange={(event) => setTo(audience(event.currentTarget.value))} data-testid="chat-to">
          {mayAll && <option value="all">{t("chat.all")}</option>}
          <option value="hosts">{t("chat.hosts")}</option>
          {mayAll && others(meeting).filter((one) => one.kind === "browser").map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
        </select>
      </label>
      <div class="write">
        <textarea
          ref={field} rows={2} maxLength={CHARS_MAX} value={text} aria-label={t("chat.write")} placeholder={t("chat.write")}
          data-testid="chat-text" onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            void send();
          }}
        />
        <button type="submit" class="plain" aria-label={t("chat.send")} title={t("chat.send")} data-testid="chat-send" disabled={text.trim() === ""}>{icons.send}</button>
      </div>
    </form>
  );
}

function name(to: Audience): string {
  return typeof to === "string" ? to : to.one;
}

function audience(value: string): Audience {
  return value === "all" || value === "hosts" ? value : { one: value };
}

/** How many messages came since the chat was last looked at. */
export function useUnread(chat: Meeting["chat"], you: string, isOpen: boolean): number {
  const last = chat.at(-1)?.id ?? 0;
  const [seen, setSeen] = useState(last);
  useEffect(() => {
    if (isOpen) setSeen(last);
  }, [isOpen, last]);
  return isOpen ? 0 : chat.filter((one) => one.id > seen && one.from !== you).length;
}
