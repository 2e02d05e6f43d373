/** The icons of those who administer. */
import type { JSX } from "preact";
import { Icon, icons } from "../icons";

export const signs = {
  health: <Icon><path d="M12 20s-7.500-4.600-7.500-10.200A4.300 4.300 0 0 1 12 7.200a4.300 4.300 0 0 1 7.500 2.600C19.500 15.400 12 20 12 20Z" /></Icon>,
  check: <Icon><path d="m5 12.500 4.500 4.500L19 7.500" /></Icon>,
  warning: <Icon><path d="M12 8.500v5M12 16.800v.1M10.600 4.300 3.100 17.500a1.600 1.600 0 0 0 1.400 2.400h15a1.600 1.600 0 0 0 1.400-2.400L13.400 4.300a1.600 1.600 0 0 0-2.800 0Z" /></Icon>,
  unsure: <Icon><circle cx="12" cy="12" r="8.500" /><path d="M9.800 9.600a2.300 2.300 0 1 1 3.400 2c-.8.500-1.200.9-1.200 1.900M12 16.600v.1" /></Icon>,
  off: <Icon><circle cx="12" cy="12" r="8.500" /><path d="M8.500 12h7" /></Icon>,
  clock: <Icon><circle cx="12" cy="12" r="8.500" /><path d="M12 7.200V12l3.200 2" /></Icon>,
  network: <Icon><path d="M4 9.500a11.500 11.500 0 0 1 16 0M7 12.900a7.200 7.200 0 0 1 10 0M9.800 16.200a3.200 3.200 0 0 1 4.400 0M12 19.300v.1" /></Icon>,
  shield: <Icon><path d="M12 3.500 5 6v5.500c0 4.300 2.900 7.500 7 9 4.100-1.500 7-4.700 7-9V6ZM9 12l2.200 2.200L15.200 10" /></Icon>,
  disk: <Icon><path d="M4.500 7c0-1.400 3.400-2.500 7.500-2.500s7.500 1.100 7.500 2.500-3.400 2.500-7.500 2.500S4.500 8.400 4.500 7ZM4.500 7v10c0 1.400 3.400 2.500 7.500 2.500s7.500-1.100 7.500-2.500V7M4.500 12c0 1.400 3.400 2.500 7.500 2.500s7.500-1.100 7.500-2.500" /></Icon>,
  chip: <Icon><path d="M7 7h10v10H7ZM10 10h4v4h-4ZM9.500 7V3.800M14.500 7V3.800M9.500 20.200V17M14.500 20.200V17M7 9.500H3.800M7 14.500H3.800M20.200 9.500H17M20.200 14.500H17" /></Icon>,
  key: <Icon><circle cx="8" cy="15.500" r="4" /><path d="m11 12.700 8.500-8.500M16 7.700l2.800 2.800M13.500 10.200l1.800 1.800" /></Icon>,
  list: <Icon><path d="M9 6.500h11M9 12h11M9 17.500h11M4.500 6.500v.1M4.500 12v.1M4.500 17.500v.1" /></Icon>,
  log: <Icon><path d="M6.500 3.500h8l4 4v13h-12ZM9.500 11h6M9.500 14h6M9.500 17h4" /></Icon>,
  update: <Icon><path d="M12 4v9.500M8 10l4 4 4-4M4.500 15.500v3a1.500 1.500 0 0 0 1.500 1.500h12a1.500 1.500 0 0 0 1.500-1.500v-3" /></Icon>,
  out: <Icon><path d="M14 4.500H6.500A1.500 1.500 0 0 0 5 6v12a1.500 1.500 0 0 0 1.500 1.500H14M10 12h10M16.500 8.500 20 12l-3.500 3.500" /></Icon>,
  copy: <Icon><path d="M9 8.500h9a1 1 0 0 1 1 1V19a1 1 0 0 1-1 1H9a1 1 0 0 1-1-1V9.500a1 1 0 0 1 1-1ZM5 15.500V5a1 1 0 0 1 1-1h9.500" /></Icon>,
  back: <Icon><path d="M8.500 5 4.500 9l4 4M4.500 9H14a5.500 5.500 0 0 1 0 11h-3.500" /></Icon>,
  restart: <Icon><path d="M19.500 12a7.500 7.500 0 1 1-2.200-5.300M17.500 3.500v3.700h-3.700" /></Icon>,
  search: <Icon><circle cx="11" cy="11" r="6.500" /><path d="m16 16 4.500 4.500" /></Icon>,
} as const;

const OF_THINGS: Readonly<Record<string, JSX.Element>> = {
  Ready: icons.room, ConfigApplied: icons.settings, NetworkOnline: signs.network, TimeSynced: signs.clock,
  CertificateValid: signs.shield, CameraReady: icons.camera, MicrophoneReady: icons.microphone, SpeakerReady: icons.sound,
  DisplayReady: icons.screen, EncoderOk: signs.chip, SfuReady: icons.connection, StorageOk: signs.disk,
  UpdateAvailable: signs.update, InMeeting: icons.people,
};

/** The icon of a thing that the appliance looks at. */
export function signOf(type: string): JSX.Element {
  return OF_THINGS[type] ?? signs.health;
}
