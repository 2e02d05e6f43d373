/** The page starts here: which meeting the address names, and whether this browser can take part at all. */
import { render } from "preact";
import { Attendance, type Place } from "./attendance";
import { expose } from "./inspect";
import { Devices } from "./media/devices";
import { Calls, deviceName, userToken } from "./calls/calls";
import { CallsPage } from "./ui/calls/page";
import { App } from "./ui/app";
import { Home, Insecure, TooOld } from "./ui/outside";
import { findLanguage } from "./ui/texts";
import "./page.css";

/** What the address says: `/m/{meeting}#t={token}`. */
function place(): Place | null {
  const match = /^\/m\/([^/]+)\/?$/.exec(location.pathname);
  if (!match?.[1]) return null;
  const token = new URLSearchParams(location.hash.slice(1)).get("t") ?? "";
  return { meeting: decodeURIComponent(match[1]), token };
}

function start(root: HTMLElement): void {
  findLanguage();
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
  const attendance = new Attendance(here, devices);
  expose(attendance);
  render(<App attendance={attendance} />, root);
  void devices.open();
  // Another token in the same address is another way in.
  addEventListener("hashchange", () => location.reload());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

const root = document.getElementById("page");
if (root) start(root);
