/** Polls beside the pictures: those that take votes, their results, and what hosts prepare. */
import { useContext, useId, useState } from "preact/hooks";
import { mayModerate, me, type Meeting } from "../words/meeting";
import type { Ask, Draft, Poll, Question } from "../words/wire";
import { icons } from "./icons";
import { Parts } from "./parts";
import { t } from "./texts";
import { classes } from "./tile";

/** The longest question and option, in characters, and the most options; the appliance takes no more. */
const QUESTION_CHARS_MAX = 300;
const OPTION_CHARS_MAX = 120;
const OPTIONS_MAX = 20;

export function Polls({ meeting, onClose }: { meeting: Meeting; onClose(): void }) {
  const isHost = mayModerate(me(meeting)?.role);
  const [form, setForm] = useState<Draft | "new" | null>(null);
  const polls = [...meeting.polls].reverse();
  return (
    <aside class="people polls" aria-labelledby="polls-title" data-testid="polls-panel">
      <header>
        <h2 id="polls-title">{t("polls.title")}</h2>
        <button type="button" class="plain" aria-label={t("control.close")} onClick={onClose}>{icons.close}</button>
      </header>
      <div class="scroll">
        {isHost && form !== null && (
          <Prepare key={form === "new" ? "new" : form.poll} draft={form === "new" ? null : form} onDone={() => setForm(null)} />
        )}
        {isHost && form === null && (
          <>
            {meeting.drafts.map((draft) => <Prepared key={draft.poll} draft={draft} onEdit={() => setForm(draft)} />)}
            <button type="button" class="quiet" data-testid="new-poll" onClick={() => setForm("new")}>{t("polls.new")}</button>
          </>
        )}
        {polls.length === 0 && form === null && <p class="nothing">{t("polls.none")}</p>}
        {polls.map((poll) => <Asked key={poll.poll} poll={poll} meeting={meeting} isHost={isHost} />)}
      </div>
    </aside>
  );
}

/** A poll that was opened: to vote, and what came of it. */
function Asked({ poll, meeting, isHost }: { poll: Poll; meeting: Meeting; isHost: boolean }) {
  const { attendance } = useContext(Parts);
  const mine = meeting.votes[poll.poll];
  const isOpen = poll.state === "open";
  const mayChange = isOpen && !poll.question.anonymous;
  const [again, setAgain] = useState(false);
  const votes = isOpen && (mine === undefined || again);
  return (
    <article class="poll" aria-labelledby={`poll-${poll.poll}`} data-testid={`poll-${poll.poll}`} data-state={poll.state}>
      <h3 id={`poll-${poll.poll}`}>{poll.question.text}</h3>
      <p class="facts">{facts(poll).join(" · ")}</p>
      {votes ? <Voting poll={poll} mine={mine} onVoted={() => setAgain(false)} /> : <Result poll={poll} mine={mine} />}
      <div class="pair">
        {mayChange && mine !== undefined && !again && (
          <button type="button" class="link" data-testid="vote-again" onClick={() => setAgain(true)}>{t("polls.change")}</button>
        )}
        {isHost && isOpen && (
          <button type="button" class="quiet" data-testid="close-poll" onClick={() => void attendance.request({ close_poll: { poll: poll.poll } })}>
            {t("polls.close")}
          </button>
        )}
      </div>
    </article>
  );
}

function facts({ question, state, voters }: Poll): string[] {
  const said = [t(state === "open" ? "polls.open" : "polls.closed"), t("polls.voters", { count: voters })];
  said.push(t(question.anonymous ? "polls.anonymous" : "polls.named"));
  if (state === "open" && question.hidden) said.push(t("polls.hidden"));
  return said;
}

function Voting({ poll, mine, onVoted }: { poll: Poll; mine: readonly number[] | undefined; onVoted(): void }) {
  const { attendance } = useContext(Parts);
  const [chosen, setChosen] = useState<readonly number[]>(mine ?? []);
  const { multiple, options, anonymous } = poll.question;
  const toggle = (at: number) => {
    if (!multiple) setChosen([at]);
    else setChosen(chosen.includes(at) ? chosen.filter((one) => one !== at) : [...chosen, at]);
  };
  const vote = async (event: Event) => {
    event.preventDefault();
    if (await attendance.vote(poll.poll, [...chosen])) onVoted();
  };
  return (
    <form onSubmit={(event) => void vote(event)}>
      <fieldset>
        <legend class="hidden">{poll.question.text}</legend>
        {options.map((option, at) => (
          <label key={at} class="option">
            <input
              type={multiple ? "checkbox" : "radio"} name={`poll-${poll.poll}`} checked={chosen.includes(at)}
              data-testid={`option-${at}`} onChange={() => toggle(at)}
            />
            <span>{option}</span>
          </label>
        ))}
      </fieldset>
      {anonymous && <p class="facts">{t("polls.final")}</p>}
      <button type="submit" class="primary" data-testid="vote" disabled={chosen.length === 0}>{t("polls.vote")}</button>
    </form>
  );
}

function Result({ poll, mine }: { poll: Poll; mine: readonly number[] | undefined }) {
  const { counts, question, voters } = poll;
  if (!counts) return <p class="nothing" data-testid="result-hidden">{t("polls.later")}</p>;
  const most = Math.max(1, ...counts);
  return (
    <ul class="result">
      {question.options.map((option, at) => {
        const count = counts[at] ?? 0;
        const share = voters > 0 ? Math.round((100 * count) / voters) : 0;
        return (
          <li key={at} class={classes(mine?.includes(at) && "mine")} data-testid={`result-${at}`} data-count={count}>
            <span>{option}{mine?.includes(at) && <span class="hidden"> ({t("polls.mine")})</span>}</span>
            <span class="number">{count} · {share} %</span>
            <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
              <rect class="whole" width="100" height="6" />
              <rect class={count === most && count > 0 ? "most" : "part"} width={share} height="6" />
            </svg>
          </li>
        );
      })}
    </ul>
  );
}

/** A draft, which nobody but hosts sees. */
function Prepared({ draft, onEdit }: { draft: Draft; onEdit(): void }) {
  const { attendance } = useContext(Parts);
  const ask = (what: Ask) => void attendance.request(what);
  return (
    <article class="poll draft" data-testid={`draft-${draft.poll}`}>
      <h3>{draft.question.text}</h3>
      <p class="facts">{t("polls.draft")}</p>
      <div class="pair">
        <button type="button" class="primary" data-testid="open-poll" onClick={() => ask({ open_poll: { poll: draft.poll } })}>{t("polls.ask")}</button>
        <button type="button" class="quiet" data-testid="edit-poll" onClick={onEdit}>{t("polls.edit")}</button>
        <button type="button" class="link" data-testid="discard-poll" onClick={() => ask({ discard_poll: { poll: draft.poll } })}>{t("polls.discard")}</button>
      </div>
    </article>
  );
}

const BLANK: Question = { text: "", options: ["", ""], multiple: false, anonymous: false, hidden: false };

/** The form for a new poll, or for one that is prepared. */
function Prepare({ draft, onDone }: { draft: Draft | null; onDone(): void }) {
  const { attendance } = useContext(Parts);
  const [question, setQuestion] = useState<Question>(draft?.question ?? BLANK);
  const id = useId();
  const change = (fields: Partial<Question>) => setQuestion({ ...question, ...fields });
  const asked = tidy(question);
  const isWhole = asked.text !== "" && asked.options.length >= 2;
  const save = async (event: Event) => {
    event.preventDefault();
    const poll = draft ? { poll: draft.poll } : {};
    if (await attendance.request({ draft_poll: { ...poll, question: asked } })) onDone();
  };
  return (
    <form class="poll prepare" aria-label={t("polls.new")} onSubmit={(event) => void save(event)}>
      <label class="field" for={`${id}-text`}><span>{t("polls.question")}</span></label>
      <input
        id={`${id}-text`} required maxLength={QUESTION_CHARS_MAX} value={question.text} data-testid="question" autofocus
        onInput={(event) => change({ text: event.currentTarget.value })}
      />
      {withBlank(question.options).map((option, at) => (
        <input
          key={at} maxLength={OPTION_CHARS_MAX} value={option} aria-label={t("polls.option", { number: at + 1 })}
          placeholder={t("polls.option", { number: at + 1 })} data-testid={`answer-${at}`}
          onInput={(event) => change({ options: replaced(withBlank(question.options), at, event.currentTarget.value) })}
        />
      ))}
      <Choice id="multiple" text={t("polls.multiple")} on={question.multiple} onChange={(multiple) => change({ multiple })} />
      <Choice id="anonymous" text={t("polls.anonymous.choice")} on={question.anonymous} onChange={(anonymous) => change({ anonymous })} />
      <Choice id="hidden" text={t("polls.hidden.choice")} on={question.hidden} onChange={(hidden) => change({ hidden })} />
      <div class="pair">
        <button type="submit" class="primary" data-testid="save-poll" disabled={!isWhole}>{t("polls.save")}</button>
        <button type="button" class="quiet" onClick={onDone}>{t("polls.cancel")}</button>
      </div>
    </form>
  );
}

function Choice({ id, text, on, onChange }: { id: string; text: string; on: boolean; onChange(on: boolean): void }) {
  return (
    <label class="switch">
      <input type="checkbox" role="switch" data-testid={`poll-${id}`} checked={on} onChange={() => onChange(!on)} />
      <span>{text}</span>
    </label>
  );
}

/** The options with an empty one at the end, to be filled in. */
export function withBlank(options: readonly string[]): string[] {
  const isFull = options.length >= OPTIONS_MAX || options.at(-1) === "";
  return isFull ? [...options] : [...options, ""];
}

/** The question as it is asked: without empty options. */
export function tidy(question: Question): Question {
  const options = question.options.map((option) => option.trim()).filter((option) => option !== "");
  return { ...question, text: question.text.trim(), options };
}

function replaced(options: readonly string[], at: number, text: string): string[] {
  return options.map((option, index) => (index === at ? text : option));
}

/** For who does not look at the polls: there is one to vote in. */
export function VoteWanted({ meeting, onSee }: { meeting: Meeting; onSee(): void }) {
  const poll = toVote(meeting);
  if (!poll) return null;
  return (
    <div class="banner calm" role="status" data-testid="vote-wanted">
      <span>{t("polls.wanted", { question: poll.question.text })}</span>
      <button type="button" class="primary" data-testid="see-polls" onClick={onSee}>{t("polls.vote")}</button>
    </div>
  );
}

/** The latest poll in which I have not voted yet. */
export function toVote(meeting: Meeting): Poll | undefined {
  return [...meeting.polls].reverse().find((poll) => poll.state === "open" && meeting.votes[poll.poll] === undefined);
}
