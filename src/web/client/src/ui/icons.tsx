/** The icons, drawn for a grid of 24 by 24 with strokes of the text's colour. */
import type { ComponentChildren } from "preact";
import { t } from "./texts";

export function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const MICROPHONE = <path d="M12 3.5a3 3 0 0 0-3 3V12a3 3 0 0 0 6 0V6.5a3 3 0 0 0-3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />;
const CAMERA = <path d="M5 6.5h8.5a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM15.5 11l5.5-3.2v8.4L15.5 13" />;
const SCREEN = <path d="M4.5 4.5h15a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15V6a1.5 1.5 0 0 1 1.5-1.5ZM8.5 20h7" />;
const SLASH = <path d="M4 3.5 20.5 20" />;

export const icons = {
  microphone: <Icon>{MICROPHONE}</Icon>,
  microphoneOff: <Icon>{MICROPHONE}{SLASH}</Icon>,
  camera: <Icon>{CAMERA}</Icon>,
  cameraOff: <Icon>{CAMERA}{SLASH}</Icon>,
  share: <Icon>{SCREEN}<path d="M12 13.5V7.7M9.3 10.2 12 7.5l2.7 2.7" /></Icon>,
  shareStop: <Icon>{SCREEN}<path d="m9.8 8.3 4.4 4.4M14.2 8.3l-4.4 4.4" /></Icon>,
  screen: <Icon>{SCREEN}</Icon>,
  leave: <Icon><path d="M3.2 14.8c-.5-1 .1-2.6 1.4-3.5 4.3-3 10.5-3 14.8 0 1.3.9 1.9 2.5 1.4 3.5l-.5.9c-.3.5-.9.7-1.4.5l-2.7-1a1.2 1.2 0 0 1-.8-1.1v-1.7a11 11 0 0 0-6.8 0v1.7c0 .5-.3 1-.8 1.1l-2.7 1c-.5.2-1.1 0-1.4-.5Z" /></Icon>,
  call: <Icon><path d="M6.500 3.800h2.700c.4 0 .8.3.9.7l.9 3.500c.1.4 0 .8-.3 1l-1.900 1.500a12.500 12.500 0 0 0 4.700 4.700l1.500-1.900c.2-.3.6-.4 1-.3l3.500.9c.4.1.7.5.7.9v2.700c0 1.100-.9 2-2 1.900C10.700 18.900 5.100 13.300 4.600 5.800c-.1-1.100.8-2 1.900-2Z" /></Icon>,
  invite: <Icon><path d="M10 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM3.500 19.500c.4-3.300 3.100-5 6.500-5 1.700 0 3.200.4 4.400 1.200M18 13.500v6M15 16.500h6" /></Icon>,
  people: <Icon><path d="M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 19.5c.4-3.3 3.1-5 6.5-5s6.1 1.7 6.5 5M16 11.3a3.2 3.2 0 0 0 .3-6.3M18 14.9c2 .6 3.3 2.1 3.5 4.3" /></Icon>,
  grid: <Icon><path d="M4 4.5h6.5V11H4ZM13.5 4.5H20V11h-6.5ZM4 13.5h6.5V20H4ZM13.5 13.5H20V20h-6.5Z" /></Icon>,
  stage: <Icon><path d="M3.5 5h11.5v14H3.5ZM18 5h2.5v3.3H18ZM18 10.4h2.5v3.3H18ZM18 15.7h2.5V19H18Z" /></Icon>,
  settings: <Icon><path d="M4 7.5h9M17.5 7.5H20M4 16.5h2.5M11 16.5h9" /><circle cx="15.2" cy="7.5" r="2.2" /><circle cx="8.8" cy="16.5" r="2.2" /></Icon>,
  fullscreen: <Icon><path d="M4 9V4.5h4.5M15.5 4.5H20V9M20 15v4.5h-4.5M8.5 19.5H4V15" /></Icon>,
  pin: <Icon><path d="M9 4h6l-.7 5.5 3.2 3v2H6.5v-2l3.2-3ZM12 14.5V20.5" /></Icon>,
  room: <Icon><path d="M5 20V12a7 7 0 0 1 14 0v8" /><circle cx="12" cy="14" r="2.3" /></Icon>,
  close: <Icon><path d="m6 6 12 12M18 6 6 18" /></Icon>,
  sound: <Icon><path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM15.5 9a4.3 4.3 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" /></Icon>,
  soundOff: <Icon><path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM16 9.5l5 5M21 9.5l-5 5" /></Icon>,
  connection: <Icon><path d="M3.5 12.5h4l2.500-7 4 13 2.500-6h4" /></Icon>,
  link: <Icon><path d="M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1" /></Icon>,
  hand: <Icon><path d="M8 12.5V6.2a1.4 1.4 0 0 1 2.800 0V11M10.800 10.500V4.800a1.400 1.400 0 0 1 2.800 0v5.700M13.600 10.800V6a1.400 1.400 0 0 1 2.800 0v8.300c0 3.700-2 6.200-5.200 6.200-2.600 0-4-1.300-5.200-3.700l-1.800-3.500c-.9-1.800 1-2.900 2.100-1.500L8 13.600" /></Icon>,
  smile: <Icon><circle cx="12" cy="12" r="8.500" /><path d="M8.500 14c.8 1.400 2 2.100 3.500 2.100s2.700-.7 3.500-2.100M9 9.500v.5M15 9.500v.5" /></Icon>,
  poll: <Icon><path d="M4.500 20V11h3.500v9ZM10.250 20V4.500h3.500V20ZM16 20v-6.500h3.500V20Z" /></Icon>,
  download: <Icon><path d="M12 4v10.500M7.500 10.500 12 15l4.500-4.500M5 19.500h14" /></Icon>,
  chat: <Icon><path d="M5 5h14a1.500 1.500 0 0 1 1.500 1.500v8.500a1.500 1.500 0 0 1-1.500 1.500h-7L7.500 20v-3.500H5A1.500 1.500 0 0 1 3.500 15V6.500A1.500 1.500 0 0 1 5 5Z" /></Icon>,
  send: <Icon><path d="m4 12 16-7.500L15.500 20l-3.700-6.300ZM11.800 13.700 20 4.500" /></Icon>,
  more: <Icon><path d="M12 5.500v.1M12 12v.1M12 18.500v.1" /></Icon>,
  lock: <Icon><path d="M6 10.5h12V20H6ZM8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5" /></Icon>,
};

/** Bars that grow with the quality of the network; the word for it stands beside them for readers. */
export function Bars({ level }: { level: 0 | 1 | 2 | 3 }) {
  return (
    <svg class={`bars level-${level}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <rect x="1" y="10" width="3.5" height="5" rx="1" />
      <rect x="6.2" y="6" width="3.5" height="9" rx="1" />
      <rect x="11.5" y="2" width="3.5" height="13" rx="1" />
    </svg>
  );
}

/** From lost to very good: the words, and how many bars. */
const GRADES = [
  ["grade.0", 0], ["grade.1", 1], ["grade.2", 1], ["grade.3", 2], ["grade.4", 3], ["grade.5", 3],
] as const;

/** How good somebody's way to the appliance is, from 0 to 5: bars to see, words to hear. */
export function Grade({ grade }: { grade: number }) {
  const [key, level] = GRADES[grade] ?? GRADES[5];
  return (
    <span class="grade" role="img" aria-label={t(key)} title={t(key)} data-grade={grade}>
      <Bars level={level} />
    </span>
  );
}

/** The mark of Alcove: somebody in a niche. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M8 25v-9.500a8 8 0 0 1 16 0V25" />
      <circle cx="16" cy="18.5" r="3.2" />
    </svg>
  );
}
