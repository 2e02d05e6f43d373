/** Times of calls, as people say them. */
import { language } from "../texts";

/** A length of time: `2:05`, `1:00:09`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const two = (number: number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A time of today as the time, another one with its day. */
export function when(ms: number, now = Date.now(), languages: readonly string[] = navigator.languages): string {
  const at = new Date(ms);
  const isToday = at.toDateString() === new Date(now).toDateString();
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { day: "numeric", month: "short" };
  const wanted = languages.find((one) => one.startsWith(language.value)) ?? language.value;
  return new Intl.DateTimeFormat(wanted, { ...day, hour: "2-digit", minute: "2-digit" }).format(at);
}
