/** One key of the configuration: what it does, its value, who has said it, and a field for another one. */
import { useId, useState } from "preact/hooks";
import { DEVICE_KEYS, isSame, shown, typed, type Field } from "../../admin/config";
import { icons } from "../icons";
import { classes } from "../tile";
import type { Report } from "./devices";
import { signs } from "./icons";
import { ago, t, textOr } from "./texts";

/** What people call a key. */
export function labelOf({ info, name }: Pick<Field, "info" | "name">): string {
  return textOr(`key.${info.key}`, name.replaceAll("_", " "));
}

interface Props {
  readonly field: Field;
  readonly draft: unknown;
  readonly isDrafted: boolean;
  readonly devices: Report["devices"];
  readonly mayChange: boolean;
  onDraft(value: unknown): void;
  onUndo(): void;
}

export function FieldRow(props: Props) {
  const { field, isDrafted, mayChange } = props;
  const { info, property } = field;
  const id = useId();
  const takesBack = isDrafted && props.draft === null;
  return (
    <li class={classes("key", isDrafted && "drafted")} data-testid={`key-${info.key}`}>
      <div class="what">
        <label for={id}><strong>{labelOf(field)}</strong></label>
        <p id={`${id}-what`}>{marked(info.meaning)}</p>
        <p class="origin">
          <code>{info.key}</code>
          <span class={`tag layer ${info.layer}`}>{textOr(`layer.${info.layer}`, info.layer)}</span>
          {info.applies !== "live" && <span class="tag" title={t(`config.${info.applies}.hint`)}>{signs.restart}{t(`config.${info.applies}`)}</span>}
          {property["x-confirm"] && <span class="tag" title={t("config.confirm.hint")}>{signs.clock}{t("config.confirm")}</span>}
        </p>
        <Origin field={field} />
        {!info.editable && <p class="locked">{icons.lock}<span>{info.why_not}</span></p>}
      </div>
      <div class="value">
        {info.editable && mayChange ? <Entry {...props} id={id} /> : <output id={id} class="fixed">{said(field)}</output>}
        {property["x-unit"] !== undefined && <small class="unit">{info.range}</small>}
        <p class="undo">
          {isDrafted && <button type="button" class="link" onClick={props.onUndo}>{t("config.undo")}</button>}
          {mayChange && info.editable && info.layer === "local" && !takesBack && (
            <button type="button" class="link" data-testid={`reset-${info.key}`} onClick={() => props.onDraft(null)}>{t("config.reset")}</button>
          )}
          {takesBack && <span class="tag warn">{t("config.taken.back")}</span>}
        </p>
      </div>
    </li>
  );
}

/** Words of the command line stand between backticks. */
const marked = (text: string) => text.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));

/** The value as it is read. */
function said({ info, kind }: Field): string {
  if (kind === "secret") return t(info.is_set ? "config.secret.set" : "config.secret.unset");
  if (kind === "switch") return t(info.value === true ? "on" : "off");
  return shown(info.value) || t("config.nothing");
}

/** Who has said it, when, and what it would be otherwise. */
function Origin({ field: { info, property } }: { field: Field }) {
  const when = info.at_unix_ms === undefined ? "" : ago(info.at_unix_ms);
  const usual = property.default;
  const isUsual = info.layer === "factory" || isSame(usual, info.value);
  const said = [
    info.author !== undefined && t("config.by", { author: info.author, when }),
    !isUsual && !property.writeOnly && t("config.usual", { value: shown(usual) || t("config.nothing") }),
  ].filter(Boolean);
  return said.length === 0 ? null : <p class="by">{said.join(" · ")}</p>;
}

/** The field for another value. */
function Entry({ field, draft, isDrafted, devices, id, onDraft }: Props & { id: string }) {
  const { info, property, kind } = field;
  const usual = property.default;
  const now = isDrafted ? (draft === null ? usual : draft) : info.value;
  const described = { id, "aria-describedby": `${id}-what`, "data-testid": `set-${info.key}` };
  const read = (text: string) => onDraft(typed(kind, text));
  if (kind === "switch") {
    return (
      <span class="toggle">
        <input type="checkbox" role="switch" {...described} checked={now === true} onChange={(event) => onDraft(event.currentTarget.checked)} />
        <span aria-hidden="true">{t(now === true ? "on" : "off")}</span>
      </span>
    );
  }
  if (kind === "choice") return <Choice described={described} options={(property.enum ?? []).map((one) => [one, one])} value={String(now)} onChoose={onDraft} />;
  if (kind === "device") return <Device described={described} field={field} devices={devices} value={String(now ?? "auto")} onChoose={onDraft} />;
  if (kind === "list") {
    return <Lines described={described} value={now} placeholder={t("config.lines")} onText={read} />;
  }
  if (kind === "secret") {
    return (
      <input
        type="password" autocomplete="new-password" {...described} value={isDrafted && draft !== null ? String(draft) : ""}
        placeholder={t(info.is_set ? "config.secret.set" : "config.secret.unset")}
        onInput={(event) => read(event.currentTarget.value)}
      />
    );
  }
  if (kind === "number") {
    const { minimum: min, maximum: max, "x-unit": unit } = property;
    return (
      <span class="with-unit">
        <input
          {...described} type="number" {...(min === undefined ? {} : { min })} {...(max === undefined ? {} : { max })}
          placeholder={shown(usual)} value={shown(now)} onInput={(event) => read(event.currentTarget.value)}
        />
        {unit !== undefined && <span>{unit}</span>}
      </span>
    );
  }
  return (
    <input
      {...described} type="text" placeholder={shown(usual) || info.range} value={shown(now)} spellcheck={false}
      onInput={(event) => read(event.currentTarget.value)}
    />
  );
}

/** What is typed in lines stays as it was typed, blank lines too, until it is left. */
function Lines(props: { described: object; value: unknown; placeholder: string; onText(text: string): void }) {
  const [text, setText] = useState<string | null>(null);
  return (
    <textarea
      {...props.described} rows={2} spellcheck={false} placeholder={props.placeholder} value={text ?? shown(props.value)}
      onInput={(event) => {
        setText(event.currentTarget.value);
        props.onText(event.currentTarget.value);
      }}
      onBlur={() => setText(null)}
    />
  );
}

type Options = readonly (readonly [value: string, name: string])[];

function Choice(props: { described: object; options: Options; value: string; onChoose(value: string): void }) {
  return (
    <select {...props.described} value={props.value} onChange={(event) => props.onChoose(event.currentTarget.value)}>
      {props.options.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
    </select>
  );
}

/** A device that is there now, or one of the words; a value that names another device stays among them. */
function Device(props: { described: object; field: Field; devices: Report["devices"]; value: string; onChoose(value: string): void }) {
  const kind = DEVICE_KEYS[props.field.info.key];
  const real = props.devices.filter((one) => one.class === kind && !one.simulated).map(({ name }) => [name, name] as const);
  const words = (["auto", "none", "simulated"] as const).map((word) => [word, t(`device.${word}`)] as const);
  const known: Options = [...words, ...real];
  const isKnown = known.some(([value]) => value === props.value);
  const options: Options = isKnown ? known : [...known, [props.value, t("device.named", { name: props.value })]];
  return <Choice described={props.described} options={options} value={props.value} onChoose={props.onChoose} />;
}
