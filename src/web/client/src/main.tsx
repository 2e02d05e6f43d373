/** The page starts here: which meeting the address names, and whether this browser can take part at all. */
import { render } from "preact";
import { Attendance, type Place } from "./attendance";
import { expose } from "./inspect";
import { Devices } from "./media/devices";
import { Control, given } from "./control/control";
import { Calls } from "./calls/calls";
import { deviceName, knownUser, userToken } from "./calls/identity";
import { recallRing } from "./calls/ring";
import { CallsPage } from "./ui/calls/page";
import { ControlPage } from "./ui/control/page";
import { App } from "./ui/app";
import { Home, Insecure, TooOld } from "./ui/outside";
import { findLanguage } from "./ui/texts";
import "./page.css";

/**
 * What the address says: `/m/{meeting}#t={token}`, and behind the code on the room's screen `&c={key}`. The key is taken out:
 * who is handed the address on is not in the room.
 */
function place(): Place | null {
  const match = /^\/m\/([^/]+)\/?$/.exec(location.pathname);
  if (!match?.[1]) return null;
  const said = new URLSearchParams(location.hash.slice(1));
  const [token, roomKey] = [said.get("t") ?? "", said.get("c") ?? ""];
  if (roomKey) history.replaceState(null, "", `${location.pathname}#t=${token}`);
  return { meeting: decodeURIComponent(match[1]), token, ...(roomKey ? { roomKey } : {}) };
}

function start(root: HTMLElement): void {
  findLanguage();
  recallRing(localStorage);
  // A page that the browser has put aside has stepped out.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  if (/^\/room\/?$/.test(location.pathname)) {
    const control = new Control();
    addEventListener("hashchange", () => location.reload());
    render(<ControlPage control={control} />, root);
    return void control.follow(given());
  }
  if (/^\/admin\/?$/.test(location.pathname)) {
    if (!window.isSecureContext) return render(<Insecure />, root);
    // Who comes to a meeting does not load it.
    return void import("./ui/admin/page").then(({ open }) => open(root));
  }
  const here = place();
  const token = here ? "" : userToken();
  if (!here && !token) return render(<Home />, root);
  if (!window.isSecureContext) return render(<Insecure />, root);
  if (!navigator.mediaDevices || !("RTCPeerConnection" in window)) return render(<TooOld />, root);
  if (!here) {
    addEventListener("hashchange", () => userToken() && location.reload());
    void deviceName().then((device) => render(<CallsPage calls={new Calls(token, device)} />, root));
    return;
  }
  const devices = new Devices(navigator.mediaDevices);
  const user = knownUser();
  const attendance = new Attendance({ ...here, ...(user ? { user } : {}) }, devices);
  expose(attendance);
  render(<App attendance={attendance} />, root);
  void attendance.begin();
  // Another token in the same address is another way in.
  addEventListener("hashchange", () => location.reload());
}

const root = document.getElementById("page");
if (root) start(root);
