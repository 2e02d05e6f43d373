/** Questions to what tells the page that something has changed. */
import { beforeEach, expect, test, vi } from "vitest";
import { Happenings, type Stream } from "./happenings";

class FakeStream {
  readyState = 1;
  readonly heard = new Map<string, () => void>();
  addEventListener = (type: string, listener: () => void) => void this.heard.set(type, listener);
  close = () => { this.readyState = 2; };
  tell = (type: string) => this.heard.get(type)?.();
}

function listening(): { happenings: Happenings; streams: FakeStream[]; paths: string[] } {
  const streams: FakeStream[] = [];
  const paths: string[] = [];
  const happenings = new Happenings((path) => {
    paths.push(path);
    const stream = new FakeStream();
    streams.push(stream);
    return stream as unknown as Stream;
  });
  return { happenings, streams, paths };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
});

test("many events in a row are one reason to look, for those whom they concern", () => {
  const { happenings, streams, paths } = listening();
  happenings.begin();
  happenings.begin();
  expect(paths).toHaveLength(1);
  expect(paths[0]).toContain("alcove.meeting.joined");
  const [status, meetings, updates] = [vi.fn(), vi.fn(), vi.fn()];
  happenings.watch("status", status);
  const leave = happenings.watch("meetings", meetings);
  happenings.watch("updates", updates);
  for (let guest = 0; guest < 50; guest += 1) streams[0]!.tell("alcove.meeting.joined");
  vi.advanceTimersByTime(1_000);
  expect([status, meetings, updates].map((each) => each.mock.calls.length)).toEqual([1, 1, 0]);
  leave();
  streams[0]!.tell("alcove.meeting.left");
  streams[0]!.tell("alcove.operation.changed");
  vi.advanceTimersByTime(1_000);
  expect([status, meetings, updates].map((each) => each.mock.calls.length)).toEqual([2, 1, 1]);
});

test("a way that breaks is mended by the browser, one that is refused is tried again later, and who is gone hears nothing", () => {
  const { happenings, streams } = listening();
  happenings.begin();
  expect(happenings.areTold).toBe(true);
  streams[0]!.readyState = 0;
  streams[0]!.tell("error");
  happenings.begin();
  expect([streams.length, happenings.areTold]).toEqual([1, false]);
  streams[0]!.readyState = 2;
  streams[0]!.tell("error");
  happenings.begin();
  expect(streams).toHaveLength(1);
  vi.advanceTimersByTime(30_000);
  happenings.begin();
  expect([streams.length, happenings.areTold]).toEqual([2, true]);
  const status = vi.fn();
  happenings.watch("status", status);
  streams[1]!.tell("alcove.config.changed");
  happenings.end();
  vi.advanceTimersByTime(1_000);
  expect([status.mock.calls.length, happenings.areTold, streams[1]!.readyState]).toEqual([0, false, 2]);
});
